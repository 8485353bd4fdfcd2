#!/bin/sh
# OpenTelemetry Collector, pkg/stanza 0.165.0: time_parser moves two kinds of valid times, without an error.
# - `%Z` and `GMT+2`: 12:00:00 GMT+2 is read as 14:00:00 +02:00: that is 12:00 UTC, where 10:00 UTC is written;
#   `GMT` and `UTC` alone are right.
# - A layout without a year: 29 February, of a leap year, read in a year that is none, becomes 1 March of that year,
#   where the last 29 February is meant.
# Seen: below. Needs Go, and a clock in no leap year for the second. Fails if that changes.
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
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/entry"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/helper"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/timeparser"
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

func read(layout, text string) time.Time {
	config := timeparser.NewConfigWithID("time")
	field := entry.NewBodyField()
	config.TimeParser.ParseFrom = &field
	config.TimeParser.Layout = layout
	found, err := parsed(config, text)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", text, found.Timestamp)
	return found.Timestamp
}

func main() {
	zone := read("%Y-%m-%d %H:%M:%S %Z", "2026-07-01 12:00:00 GMT+2")
	plain := read("%Y-%m-%d %H:%M:%S %Z", "2026-07-01 12:00:00 GMT")
	if zone.UTC().Hour() != 12 || plain.UTC().Hour() != 12 {
		os.Exit(1)
	}
	year := time.Now().Year()
	if time.Date(year, 2, 29, 0, 0, 0, 0, time.UTC).Day() == 29 {
		return
	}
	if day := read("%b %e %H:%M:%S", "Feb 29 12:00:00"); day.Month() != time.March || day.Day() != 1 {
		os.Exit(1)
	}
}
GO
go get github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza@v0.165.0 >log 2>&1 && go build -o finding . >>log 2>&1 || {
  cat log
  exit 1
}
./finding
