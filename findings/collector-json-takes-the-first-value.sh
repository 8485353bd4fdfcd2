#!/bin/sh
# OpenTelemetry Collector, pkg/stanza 0.165.0 (the operators of its file_log receiver): json_parser with
# `parse_ints: true` takes a line whose beginning is JSON, and throws the rest away; without it, it refuses the line.
# Cause: the option, which is there to keep whole numbers whole, changes the decoder to one that reads a value and stops.
# Seen: map[a:1] for the lines below, no error. Needs Go. Fails if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOMODCACHE="$work/modules" GOFLAGS="-mod=mod -modcacherw"
cat >go.mod <<'MOD'
module finding

go 1.26.0
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/entry"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/helper"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/jsonparser"
	"go.opentelemetry.io/collector/component/componenttest"
)

// sink keeps the last entry that the parser hands on.
type sink struct {
	helper.OutputOperator
	last *entry.Entry
}

func (s *sink) Process(_ context.Context, e *entry.Entry) error { s.last = e; return nil }

func (s *sink) ProcessBatch(_ context.Context, entries []*entry.Entry) error {
	s.last = entries[len(entries)-1]
	return nil
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// parsed runs one line through a parser as the collector would.
func parsed(config operator.Builder, line string) (*entry.Entry, error) {
	settings := componenttest.NewNopTelemetrySettings()
	parser := must(config.Build(settings))
	output := helper.NewOutputConfig("sink", "sink")
	last := &sink{OutputOperator: must(output.Build(settings))}
	parser.SetOutputIDs([]string{"sink"})
	if err := parser.SetOutputs([]operator.Operator{last}); err != nil {
		panic(err)
	}
	read := entry.New()
	read.Body = line
	err := parser.Process(context.Background(), read)
	return last.last, err
}

func main() {
	code := 0
	for _, line := range []string{`{"a":1} trailing`, `{"a":1}{"b":2}`} {
		for _, ints := range []bool{false, true} {
			config := jsonparser.NewConfigWithID("json")
			config.ParseInts = ints
			read, err := parsed(config, line)
			fmt.Printf("parse_ints: %v %s: attributes %v, error %v\n", ints, line, read.Attributes, err)
			if (err == nil) != ints || (len(read.Attributes) == 1) != ints {
				code = 1
			}
		}
	}
	os.Exit(code)
}
GO
go get github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza@v0.165.0 >log 2>&1 && go build -o finding . >>log 2>&1 || {
  cat log
  exit 1
}
./finding
