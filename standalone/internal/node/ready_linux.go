package node

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
)

// awaitNode waits until the cluster is usable and tells the maker. Its checks
// involve every component: pods can be scheduled onto the node, have an account to
// run as, and reach names and addresses of services.
func (s *supervisor) awaitNode(ctx context.Context, components []*runningComponent) error {
	for _, component := range components {
		s.events.send(Event{Kind: EventWaiting, Message: component.Component})
		select {
		case <-component.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, step := range []struct {
		what  string
		check func(context.Context) error
	}{
		{"the node to be Ready", s.checkNode},
		{"the default service account", s.checkServiceAccount},
		{"the cluster's DNS", s.checkDNS},
	} {
		s.events.send(Event{Kind: EventWaiting, Message: step.what})
		if err := await(ctx, step.check); err != nil {
			return err
		}
	}
	if err := s.report.update(func(report *Report) { report.Ready = true }); err != nil {
		return fmt.Errorf("writing the node's report: %w", err)
	}
	s.events.send(Event{Kind: EventReady})
	return nil
}

func (s *supervisor) checkNode(ctx context.Context) error {
	var node struct {
		Status struct{ Conditions []condition }
	}
	if err := s.api.Get(ctx, "/api/v1/nodes/"+s.cluster.NodeName(), &node); err != nil {
		return err
	}
	if !isReady(node.Status.Conditions, s.started) {
		return fmt.Errorf("node %s is not Ready: %+v", s.cluster.NodeName(), node.Status.Conditions)
	}
	return nil
}

// condition is the part of a NodeCondition that isReady needs.
type condition struct {
	Type, Status, Message string
	LastHeartbeatTime     time.Time
}

// isReady says whether the node was Ready after the time since. An older condition
// is from the node's last run.
func isReady(conditions []condition, since time.Time) bool {
	return slices.ContainsFunc(conditions, func(c condition) bool {
		// The API keeps whole seconds.
		return c.Type == "Ready" && c.Status == "True" && !c.LastHeartbeatTime.Before(since.Truncate(time.Second))
	})
}

// checkServiceAccount: without it, the first pods of a new namespace are refused.
func (s *supervisor) checkServiceAccount(ctx context.Context) error {
	return s.api.Get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}

// checkDNS asks CoreDNS by its service's address, through kube-proxy's rules.
func (s *supervisor) checkDNS(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	server := net.JoinHostPort(s.cluster.Plan.DNSIP.String(), "53")
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
	name := "kubernetes.default.svc." + nodeconfig.ClusterDomain + "."
	addresses, err := resolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	if want := s.cluster.Plan.APIServerIP.String(); len(addresses) != 1 || addresses[0] != want {
		return fmt.Errorf("%s is %v, not %s", name, addresses, want)
	}
	return nil
}
