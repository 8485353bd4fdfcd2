#!/bin/sh
# OpenTelemetry Collector, pkg/stanza 0.165.0 (the operators of its file_log receiver): what its parsers make of valid lines,
# without an error where none is named.
# - json_parser with `parse_ints: true` takes a line whose beginning is JSON, and throws the rest away; without it, it
#   refuses the line. The option, which is there to keep whole numbers whole, changes the decoder to one that reads a
#   value and stops.
# - time_parser, `%Z` and `GMT+2`: 12:00:00 GMT+2 is read as 14:00:00 +02:00: that is 12:00 UTC, where 10:00 UTC is
#   written; `GMT` and `UTC` alone are right.
# - time_parser, a layout without a year: 29 February, of a leap year, read in a year that is none, becomes 1 March of
#   that year, where the last 29 February is meant.
# - syslog_parser, RFC 5424, the time is `-` (NILVALUE, 6.2.3): an error, and no severity is set.
# - syslog_parser, RFC 5424, a parameter that is there twice (6.3.3 allows it, and has `ip` as an example): the last only.
# - syslog_parser, RFC 3164, an IPv6 address as the host (4.1.2 allows an address): no host, the application is called
#   `fe80`, and the message begins with the host.
# Seen: below. Needs Go, and a clock in no leap year for the third. Fails if any of it changes.
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
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/jsonparser"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/syslog"
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

func jsonTakesTheFirst() bool {
	as := true
	for _, line := range []string{`{"a":1} trailing`, `{"a":1}{"b":2}`} {
		for _, ints := range []bool{false, true} {
			config := jsonparser.NewConfigWithID("json")
			config.ParseInts = ints
			read, err := parsed(config, line)
			fmt.Printf("parse_ints: %v %s: attributes %v, error %v\n", ints, line, read.Attributes, err)
			as = as && (err == nil) == ints && (len(read.Attributes) == 1) == ints
		}
	}
	return as
}

func at(layout, text string) time.Time {
	config := timeparser.NewConfigWithID("time")
	field := entry.NewBodyField()
	config.TimeParser.ParseFrom = &field
	config.TimeParser.Layout = layout
	found := must(parsed(config, text))
	fmt.Printf("%s: %s\n", text, found.Timestamp)
	return found.Timestamp
}

func zoneMoves() bool {
	zone := at("%Y-%m-%d %H:%M:%S %Z", "2026-07-01 12:00:00 GMT+2")
	plain := at("%Y-%m-%d %H:%M:%S %Z", "2026-07-01 12:00:00 GMT")
	return zone.UTC().Hour() == 12 && plain.UTC().Hour() == 12
}

func leapDayMoves() bool {
	if time.Date(time.Now().Year(), 2, 29, 0, 0, 0, 0, time.UTC).Day() == 29 {
		return true // this year has the day
	}
	day := at("%b %e %H:%M:%S", "Feb 29 12:00:00")
	return day.Month() == time.March && day.Day() == 1
}

func message(protocol, line string) (map[string]any, error) {
	config := syslog.NewConfigWithID("syslog")
	config.Protocol = protocol
	found, err := parsed(config, line)
	fmt.Printf("%s\n  severity %v, attributes %v, error %v\n", line, found.Severity, found.Attributes, err)
	return found.Attributes, err
}

func syslogLoses() bool {
	_, without := message("rfc5424", `<165>1 - host app - - - no time`)
	twice, _ := message("rfc5424", `<165>1 2026-10-11T22:14:15Z host app - - [origin ip="192.0.2.1" ip="192.0.2.129"] two addresses`)
	six, _ := message("rfc3164", `<34>Oct 11 22:14:15 fe80::1 app: hello`)
	parameters := twice["structured_data"].(map[string]any)["origin"]
	_, hasHost := six["hostname"]
	return without != nil && fmt.Sprint(parameters) == "map[ip:192.0.2.129]" && !hasHost && six["appname"] == "fe80"
}

func main() {
	for _, isSo := range []func() bool{jsonTakesTheFirst, zoneMoves, leapDayMoves, syslogLoses} {
		if !isSo() {
			os.Exit(1)
		}
	}
}
GO
go get github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza@v0.165.0 >log 2>&1 && go build -o finding . >>log 2>&1 || {
  cat log
  exit 1
}
./finding
