package fluxconf

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const (
	// DefaultQueuePolicy keeps a job waiting that is larger than what is online.
	// Fluxion's own default, fcfs, makes it fail.
	DefaultQueuePolicy = "easy"
	// DefaultConnectTimeout is how long a follower tries to reach the lead at once:
	// short, since a lead whose pod was replaced has another address.
	DefaultConnectTimeout = "5s"

	// matchPolicy has Fluxion give jobs the lowest ranks with room, so that the highest
	// ones are idle and can go. With its own default, first, it begins with the highest.
	// sched-simple has no such choice: whole ranks are given from the lowest on, and single
	// cores where most are free.
	// Source: flux-config-sched-fluxion-resource(5), tried with Fluxion 0.54;
	// _sort_candidates in Rv1Pool.py of flux-core 0.88.
	matchPolicy = "lonode"

	// checkpointPeriod bounds what is lost of the queue when the lead is killed.
	checkpointPeriod = "5s"
	// tcpUserTimeout bounds how long a rank whose machine is gone counts as up. It
	// is Flux's default; written down, since our waits depend on it.
	tcpUserTimeout = "20s"
)

// queuePolicies are those of Fluxion.
// Source: flux-config-sched-fluxion-qmanager(5).
var queuePolicies = []string{"fcfs", "easy", "hybrid", "conservative"}

var (
	// dnsName is a name of labels, in bytes that need no quotes anywhere.
	dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	// duration is a Flux Standard Duration with a unit. Source: Flux RFC 23.
	duration = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$`)
)

// Options are what a brokers' configuration depends on.
type Options struct {
	// Name of the MiniCluster, and Service of its headless Service, in whose
	// domain the ranks' host names are.
	Name    string
	Service string
	// Ceiling is the number of ranks that the instance can have, 1 to idset.Max.
	Ceiling int32
	// Simple chooses sched-simple rather than Fluxion: see SchedulerEnvironment.
	Simple bool
	// QueuePolicy is Fluxion's. Default: DefaultQueuePolicy. Empty with Simple.
	QueuePolicy string
	// ConnectTimeout as Flux writes durations. Default: DefaultConnectTimeout.
	ConnectTimeout string
	// KeepsState says that the lead has a state folder that outlives its pod, so
	// that the queue is worth a checkpoint every few seconds.
	KeepsState bool
	// Custom is a whole configuration, which takes the place of ours; nothing else
	// counts then. Default: none.
	Custom string
}

// BrokerConfig returns the brokers' configuration in TOML, the same for all ranks.
// It refers to agentapi.ResourceFile and agentapi.UsedCurveFile.
// Source: flux-config(5) and its pages for each table, flux-core 0.88.
func BrokerConfig(o Options) (string, error) {
	if o.Custom != "" {
		if err := checkCustom(o.Custom); err != nil {
			return "", err
		}
		return o.Custom, nil
	}
	if err := o.check(); err != nil {
		return "", err
	}
	var d document

	// Without a path nothing can be scheduled until all ranks are up, and a rank
	// that was lost does not come back to the scheduler. Without noverify a rank
	// drains itself whose node has other cores than R says.
	d.table("resource")
	d.text("path", agentapi.ResourceFile)
	d.flag("noverify", true)

	// With enable_ipv6, * listens on what the pod has: IPv4, IPv6 or both. The
	// name of an interface would fail in pods that have IPv4 only.
	d.table("bootstrap")
	d.text("curve_cert", agentapi.UsedCurveFile)
	d.number("default_port", agentapi.BrokerPort)
	d.text("default_bind", "tcp://*:%p")
	// A pod's resolver completes the lead's address with its search path, whose first
	// entry is the pod's own namespace, so that the first question is the right one
	// whatever the cluster's domain is; an absolute one would be the third.
	// Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
	d.text("default_connect", "tcp://%h."+o.Service+":%p")
	d.flag("enable_ipv6", true)
	fmt.Fprintf(&d, "hosts = [ { host = %s } ]\n", quote(Hosts(o.Name, o.Ceiling)))

	// A job that is larger than the MiniCluster can become is refused when it is
	// submitted. Else sched-simple fails it later, and Fluxion leaves it pending for ever.
	// Source: flux-config-ingest(5), flux-jobs(1).
	d.table("ingest.validator")
	d.texts("plugins", "jobspec", "feasibility")

	d.table("tbon")
	d.text("tcp_user_timeout", tcpUserTimeout)
	d.text("connect_timeout", orDefault(o.ConnectTimeout, DefaultConnectTimeout))

	// Without a state folder there is nobody to read a checkpoint, and each is a
	// write to the memory that the broker's rundir is in.
	if o.KeepsState {
		d.table("kvs")
		d.text("checkpoint-period", checkpointPeriod)
	}

	// Of several modules for one service Flux takes the one named here; see
	// flux-modprobe(1). Fluxion splits its service in two.
	if o.Simple {
		d.table("modules.alternatives")
		d.text("sched", "sched-simple")
		d.text("feasibility", "sched-simple")
	} else {
		d.table("sched-fluxion-qmanager")
		d.text("queue-policy", orDefault(o.QueuePolicy, DefaultQueuePolicy))
		d.table("sched-fluxion-resource")
		d.text("match-policy", matchPolicy)
	}
	return d.String(), nil
}

// SchedulerEnvironment returns the variables that the lead's broker needs in its
// environment beside the configuration. With simple they keep Fluxion's start
// script from loading Fluxion in a Flux that starts up by shell scripts, which do
// not read the configuration: before flux-core 0.79. Newer ones ignore them.
// Source: etc/rc1.d/01-sched-fluxion of flux-sched, etc/rc1 of flux-core.
func SchedulerEnvironment(simple bool) map[string]string {
	if !simple {
		return nil
	}
	return map[string]string{"FLUXION_RESOURCE_RC_NOOP": "1", "FLUXION_QMANAGER_RC_NOOP": "1"}
}

func (o Options) check() error {
	for _, name := range []struct{ field, value string }{{"name", o.Name}, {"service", o.Service}} {
		if !dnsName.MatchString(name.value) {
			return fmt.Errorf("%s %.60q must be a DNS name in lower case", name.field, name.value)
		}
	}
	if o.Ceiling < 1 || o.Ceiling > idset.Max {
		return fmt.Errorf("ceiling %d must be 1 to %d", o.Ceiling, idset.Max)
	}
	if o.Simple && o.QueuePolicy != "" {
		return fmt.Errorf("flux.scheduler.queuePolicy %.60q is Fluxion's: leave it out with simple: true", o.QueuePolicy)
	}
	if o.QueuePolicy != "" && !slices.Contains(queuePolicies, o.QueuePolicy) {
		return fmt.Errorf("flux.scheduler.queuePolicy %.60q must be one of %s", o.QueuePolicy, strings.Join(queuePolicies, ", "))
	}
	if o.ConnectTimeout != "" && !duration.MatchString(o.ConnectTimeout) {
		return fmt.Errorf("flux.connectTimeout %.60q must be a number with ms, s, m, h or d, such as 5s", o.ConnectTimeout)
	}
	return nil
}

// checkCustom refuses what cannot be meant as a configuration. What is in it is up
// to its author.
func checkCustom(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("flux.brokerConfig holds white space only: write TOML, or leave it out for the default")
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errors.New("flux.brokerConfig must be text in UTF-8 without NUL")
	}
	return nil
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
