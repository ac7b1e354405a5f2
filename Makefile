# Every target is one command of the project's own environment; `make help` lists them.
# Needs make, git and python3 with venv on the machine, nothing else.

UV_VERSION := 0.13.8
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
READY := .venv/.ready
# Settings of the services may stand in .env (see .env.example).
-include .env
export $(filter AVATAR_%,$(.VARIABLES))

MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help setup up down status logs edge demo doctor bench eval config test lint format types unit test-vm docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment in .venv; fetches uv into .uv when the machine has none

up: $(READY) ## start the broker and the services here: make up [SERVICES="asr tts"] [BUS=nats://host:4222]
	@$(BIN)/avatar up $(SERVICES) $(if $(BUS),--bus $(BUS))

down: $(READY) ## stop what `make up` started
	@$(BIN)/avatar down

status: $(READY) ## what runs here, where, and how much memory it takes
	@$(BIN)/avatar status

logs: $(READY) ## the last log lines: make logs [SERVICE=asr] [FOLLOW=1]
	@$(BIN)/avatar logs $(SERVICE) $(if $(FOLLOW),--follow)

edge: $(READY) ## join a call from this machine: make edge [BUS=nats://host:4222] [ARGS="..."]
	@$(BIN)/avatar edge $(if $(BUS),--bus $(BUS)) $(ARGS)

demo: $(READY) ## hold a spoken conversation and write out/demo.mp4, out/demo.png, out/demo.json
	@$(BIN)/avatar demo $(ARGS)

doctor: $(READY) ## check this machine and say how to fix what is missing
	@$(BIN)/avatar doctor

bench: $(READY) ## measure everything and write out/bench.json: make bench [ARGS=--quick]
	@$(BIN)/avatar bench $(ARGS)

eval: $(READY) ## how it talks, on real audio: out/eval.json, out/eval.html: make eval [ARGS=--quick]
	@$(BIN)/avatar eval $(ARGS)

config: $(READY) ## the effective settings and where each comes from
	@$(BIN)/avatar config show

test: lint types unit ## lint, types and every test

lint: $(READY) ## ruff, style and format
	@$(BIN)/ruff check && $(BIN)/ruff format --check

format: $(READY) ## rewrite the code in the project's format
	@$(BIN)/ruff check --fix && $(BIN)/ruff format

types: $(READY) ## mypy --strict
	@$(BIN)/mypy $(wildcard libs/*/src services/*/src)

unit: $(READY) ## every test: make unit [ARGS="-k name"]
	@$(BIN)/pytest $(ARGS)

test-vm: $(READY) ## the camera on a real driver, in a virtual machine (Debian 12; some 3 minutes)
	@$(BIN)/pytest tests/vm/camera_in_guest.py $(ARGS)

docs: $(READY) ## regenerate the documents made from code
	@$(BIN)/python -m avatar_contracts.asyncapi

clean: ## remove the environment and everything generated
	rm -rf .venv .uv .run out

$(READY): $(MANIFESTS) | $(filter .uv/bin/uv,$(UV))
	$(UV) sync --frozen --all-packages
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv==$(UV_VERSION)
