"""What the examples print: the texts and series of examples/data are learnt as well as docs/python.md says."""
import char_lstm
import forecast


def test_characters():
    assert char_lstm.main(4) < 1.75  # nats per character, on the last tenth of the text


def test_forecast():
    errors = forecast.main(20)
    assert errors["LSTM"] < errors["last value"] and errors["1-D convolution"] < errors["last value"]
