# The front door. Everything lives in tools/, meson.build and tests/; CONTRIBUTING.md says more.
PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH

.PHONY: demo build test proof bench wheel setup
demo: build
	@.venv/bin/python examples/demo.py
test: build
	@tools/test
proof: build
	@tools/proof
bench: build
	@bench/run
wheel: setup
	@tools/wheel
setup:
	@tools/setup
build: setup
	@tools/build
