package network

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/gopherlocks/gopherlocks/standalone/internal/searchpath"
)

// chain is a chain of the cluster's own in one table of the machine's firewall.
// One rule in a built-in chain leads to it, so that all of a cluster's rules can
// be removed without knowing what they are.
type chain struct {
	table, from string
	rules       [][]string
}

// buildChains returns the chains that let a cluster's node reach the world, but not
// the world the node. The node itself masquerades its pods.
func buildChains(link string, plan Plan) []chain {
	subnet := plan.Subnet.String()
	return []chain{
		// The machine forwards, so a neighbour with a route could reach the cluster
		// through it. Only answers may enter the cluster, and what root has
		// published by a rule for DNAT. The machine's own packets do not come this
		// way. The table comes before filter, where another program's ACCEPT may
		// come first.
		{"mangle", "FORWARD", [][]string{
			{"!", "-i", link, "-o", link, "-m", "conntrack", "!", "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "DROP"},
		}},
		// It is needed whatever the policy of FORWARD is: Docker sets that to DROP.
		{"filter", "FORWARD", [][]string{
			{"-i", link, "-j", "ACCEPT"},
			{"-o", link, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"},
		}},
		// The machine's address for what leaves the block.
		{"nat", "POSTROUTING", [][]string{
			{"-s", subnet, "!", "-d", subnet, "-j", "MASQUERADE"},
		}},
	}
}

// firewall is the part of the machine's firewall that belongs to one cluster.
type firewall struct {
	// name of the cluster, for people who look at the rules.
	name string
	// chain is the name of its chains. The kernel allows 28 bytes.
	chain string
	// path of the program iptables.
	path string
}

func newFirewall(name, link string) (firewall, error) {
	path, err := searchpath.Look("iptables")
	if err != nil {
		return firewall{}, fmt.Errorf("looking for the machine's firewall: %w", err)
	}
	return firewall{name: name, chain: "gopherlocks-" + link, path: path}, nil
}

// OpenFirewall makes the cluster's rules what they should be.
func OpenFirewall(name, link string, plan Plan) error {
	wall, err := newFirewall(name, link)
	if err != nil {
		return err
	}
	for _, chain := range buildChains(link, plan) {
		if err := wall.open(chain); err != nil {
			return fmt.Errorf("adding the firewall rules of cluster %s: %w", name, err)
		}
	}
	return nil
}

// IsFirewallOpen says whether all of the cluster's rules exist: a reload of the
// machine's firewall may have removed them.
func IsFirewallOpen(name, link string, plan Plan) (bool, error) {
	wall, err := newFirewall(name, link)
	if err != nil {
		return false, err
	}
	for _, chain := range buildChains(link, plan) {
		if open, err := wall.isOpen(chain); err != nil || !open {
			return false, err
		}
	}
	return true, nil
}

// CloseFirewall removes the cluster's rules from the machine's firewall. Its error
// is exec.ErrNotFound if iptables is missing.
func CloseFirewall(name, link string) error {
	wall, err := newFirewall(name, link)
	if err != nil {
		return err
	}
	var errs []error
	for _, chain := range buildChains(link, Plan{}) {
		if err := wall.close(chain); err != nil {
			errs = append(errs, fmt.Errorf("removing the firewall rules of cluster %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (w firewall) open(c chain) error {
	if open, err := w.isOpen(c); err != nil || open {
		return err
	}
	if err := w.close(c); err != nil {
		return err
	}
	if err := w.run(c.table, "-N", w.chain); err != nil {
		return err
	}
	for _, rule := range c.rules {
		if err := w.run(c.table, "-A", w.chain, w.mark(rule)...); err != nil {
			return err
		}
	}
	// It comes before the rules of others, which may drop packets.
	return w.run(c.table, "-I", c.from, w.jump()...)
}

func (w firewall) isOpen(c chain) (bool, error) {
	if exists, err := w.ask(c.table, "-S", w.chain); err != nil || !exists {
		return false, err
	}
	for _, rule := range c.rules {
		if exists, err := w.ask(c.table, "-C", w.chain, w.mark(rule)...); err != nil || !exists {
			return false, err
		}
	}
	return w.ask(c.table, "-C", c.from, w.jump()...)
}

func (w firewall) close(c chain) error {
	// The kernel keeps a chain while a rule leads to it. iptables does not
	// understand a rule that leads to a missing chain.
	if exists, err := w.ask(c.table, "-S", w.chain); err != nil || !exists {
		return err
	}
	for {
		exists, err := w.ask(c.table, "-C", c.from, w.jump()...)
		if err != nil {
			return err
		}
		if !exists {
			break
		}
		if err := w.run(c.table, "-D", c.from, w.jump()...); err != nil {
			return err
		}
	}
	return errors.Join(w.run(c.table, "-F", w.chain), w.run(c.table, "-X", w.chain))
}

func (w firewall) jump() []string { return w.mark([]string{"-j", w.chain}) }

// mark adds to a rule a comment with the cluster's name.
func (w firewall) mark(rule []string) []string {
	return append([]string{"-m", "comment", "--comment", "gopherlocks:" + w.name}, rule...)
}

// ask runs iptables to learn whether a chain or a rule exists.
func (w firewall) ask(table, action, chain string, rule ...string) (bool, error) {
	err := w.run(table, action, chain, rule...)
	// iptables(8) exits with 1 for most errors, and a missing chain or rule is one.
	// 2 is a wrong command line. 3 and 4 mean a problem with the kernel, a lock or
	// permissions.
	if exit := (&exec.ExitError{}); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

func (w firewall) run(table, action, chain string, rule ...string) error {
	args := append([]string{"-w", "-t", table, action, chain}, rule...)
	output, err := exec.Command(w.path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
