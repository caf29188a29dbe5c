package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// BenchmarkCeiling starts a lead that is told of more and more hosts, of which it is the only
// one that is there: how long until it takes jobs, and what its broker takes of memory. The
// sizes take turns. Which scheduler it loads is Flux's own choice: Fluxion where there is one.
func BenchmarkCeiling(b *testing.B) {
	for round := range 3 {
		for _, hosts := range []int32{4, ceiling, 1024, 16384} {
			b.Run(fmt.Sprintf("hosts=%d/round=%d", hosts, round), func(b *testing.B) {
				for b.Loop() {
					m := newMiniCluster(b, func(c *agentapi.Config) {
						c.Ceiling, c.Hosts, c.Cores = hosts, fluxconf.Hosts(c.Name, hosts), 8
					})
					begin := time.Now()
					lead := m.startUp(1)[0]
					b.ReportMetric(time.Since(begin).Seconds(), "start-s")
					begin = time.Now()
					lead.ask("resource", "list")
					b.ReportMetric(time.Since(begin).Seconds(), "list-s")
					status := lead.ask("run", "-n1", "sh", "-c", "cat /proc/$(flux getattr broker.pid)/status")
					_, rss, _ := strings.Cut(status, "VmRSS:")
					kib, err := strconv.ParseFloat(strings.Fields(rss)[0], 64)
					m.must(err)
					b.ReportMetric(kib/1024, "broker-MiB")
					b.ReportMetric(0, "ns/op")
				}
			})
		}
	}
}
