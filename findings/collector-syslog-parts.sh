#!/bin/sh
# OpenTelemetry Collector, pkg/stanza 0.165.0: what syslog_parser makes of valid messages.
# - RFC 5424, the time is `-` (NILVALUE, 6.2.3): an error, and no severity is set.
# - RFC 5424, a parameter that is there twice (6.3.3 allows it, RFC 5424 has `ip` as its example): the last one only.
# - RFC 3164, an IPv6 address as the host (RFC 3164 4.1.2 allows an address): no host, the application is called `fe80`,
#   and the message begins with the host.
# Seen: below. Needs Go. Fails if that changes.
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
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/syslog"
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

func read(protocol, line string) (map[string]any, error) {
	config := syslog.NewConfigWithID("syslog")
	config.Protocol = protocol
	found, err := parsed(config, line)
	fmt.Printf("%s\n  severity %v, attributes %v, error %v\n", line, found.Severity, found.Attributes, err)
	return found.Attributes, err
}

func main() {
	_, without := read("rfc5424", `<165>1 - host app - - - no time`)
	twice, _ := read("rfc5424", `<165>1 2026-10-11T22:14:15Z host app - - [origin ip="192.0.2.1" ip="192.0.2.129"] two addresses`)
	six, _ := read("rfc3164", `<34>Oct 11 22:14:15 fe80::1 app: hello`)
	parameters := twice["structured_data"].(map[string]any)["origin"]
	_, host := six["hostname"]
	if without == nil || fmt.Sprint(parameters) != "map[ip:192.0.2.129]" || host || six["appname"] != "fe80" {
		os.Exit(1)
	}
}
GO
go get github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza@v0.165.0 >log 2>&1 && go build -o finding . >>log 2>&1 || {
  cat log
  exit 1
}
./finding
