"""pyspark_firesteel - where Spark looks for data sources: modules whose name begins with pyspark_. It finds format("tfrecord") here."""
try:
    from firesteel.spark.records import source

    DefaultSource = source()
except Exception:  # a broken installation must not keep Spark from other sources
    pass
