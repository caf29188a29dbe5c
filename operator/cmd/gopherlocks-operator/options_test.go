package main

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestDefaultsSuitAPodOfADeployment(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "home")
	t.Setenv("GOPHERLOCKS_AGENT_IMAGE", "agent:1")
	t.Setenv("GOPHERLOCKS_AGENT_PULL_SECRET", "registry")
	o, err := parseOptions(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := options{namespace: "home", agentImage: "agent:1", pullSecret: "registry", leaderElect: true, healthAddress: ":8081", metricsAddress: ":8080", logLevel: slog.LevelInfo, logFormat: "json"}
	if o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "home")
	t.Setenv("GOPHERLOCKS_AGENT_IMAGE", "agent:1")
	for _, args := range [][]string{
		{"--log-format=xml"}, {"--log-level=loud"}, {"serve"}, {"--no-such-flag"}, {"--namespace="}, {"--agent-image="},
	} {
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q gives %+v, want an error", args, o)
		}
	}
}

func TestLogLevelHidesDetails(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, slog.LevelInfo, "json")
	log.V(1).Info("detail")
	log.Info("news", "rank", 3)
	if got := out.String(); strings.Contains(got, "detail") || !strings.Contains(got, `"msg":"news","rank":3`) {
		t.Errorf("log %q", got)
	}
}
