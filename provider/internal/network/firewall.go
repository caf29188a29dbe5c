package network

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// rule is one rule of the machine's firewall.
type rule struct {
	table, chain string
	spec         []string
}

// buildRules returns what lets a cluster's node reach the world: forwarding to
// and fro, whatever the policy of FORWARD is (Docker sets it to DROP), and the
// machine's address for what leaves the cluster's block. The node itself
// masquerades its pods.
func buildRules(name, link string, plan Plan) []rule {
	comment := []string{"-m", "comment", "--comment", "gopherlocks:" + name}
	join := func(spec ...string) []string { return append(spec, comment...) }
	return []rule{
		{"filter", "FORWARD", append(join("-i", link), "-j", "ACCEPT")},
		{"filter", "FORWARD", append(join("-o", link, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"), "-j", "ACCEPT")},
		{"nat", "POSTROUTING", append(join("-s", plan.Subnet.String(), "!", "-d", plan.Subnet.String()), "-j", "MASQUERADE")},
	}
}

// OpenFirewall adds the cluster's rules to the machine's firewall, each once.
func OpenFirewall(name, link string, plan Plan) error {
	for _, rule := range buildRules(name, link, plan) {
		if iptables(rule, "-C") == nil {
			continue
		}
		// In front of the rules of others, which may drop.
		if err := iptables(rule, "-I"); err != nil {
			return fmt.Errorf("adding a firewall rule: %w", err)
		}
	}
	return nil
}

// CloseFirewall removes the cluster's rules from the machine's firewall.
func CloseFirewall(name, link string, plan Plan) error {
	var errs []error
	for _, rule := range buildRules(name, link, plan) {
		for iptables(rule, "-C") == nil {
			if err := iptables(rule, "-D"); err != nil {
				errs = append(errs, fmt.Errorf("removing a firewall rule: %w", err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

func iptables(rule rule, action string) error {
	args := append([]string{"-w", "-t", rule.table, action, rule.chain}, rule.spec...)
	output, err := exec.Command("iptables", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
