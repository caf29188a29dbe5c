package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOnlyTheClustersOwnCopyIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	for name, c := range map[string]struct {
		content string
		stays   bool
	}{
		"its own":                     {"clusters: [{name: mine, cluster: {server: https://a}}]\ncurrent-context: mine\n", false},
		"its own, with another added": {"clusters: [{name: theirs}, {name: mine}]\ncontexts: [{name: renamed}]\n", false},
		"another cluster's":           {"clusters: [{name: theirs}]\n", true},
		"one of no cluster":           {"clusters: []\n", false},
		"no kubeconfig":               {"\tnothing", false},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		// Twice: that there is none is no error.
		for range 2 {
			if err := RemoveCopy(path, "mine"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) == c.stays {
			t.Errorf("%s: it stays: %t, want %t", name, !c.stays, c.stays)
		}
	}
	if err := RemoveCopy("", "mine"); err != nil {
		t.Errorf("without a path: %v", err)
	}
}

func TestCopyLeadsToTheCluster(t *testing.T) {
	const is = "clusters: [{name: mine, cluster: {server: https://a, certificate-authority-data: eA==}}]\ncurrent-context: mine\n"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if Leads(path, []byte(is)) {
		t.Error("no copy leads there")
	}
	for name, c := range map[string]struct {
		content string
		leads   bool
	}{
		"the same":                   {is, true},
		"renamed, and another added": {"clusters: [{name: theirs}, {name: mine, cluster: {server: https://a, certificate-authority-data: eA==}}]\ncontexts: [{name: renamed}]\n", true},
		"another cluster's":          {"clusters: [{name: theirs, cluster: {server: https://a, certificate-authority-data: eA==}}]\n", false},
		"a former one's of the name": {"clusters: [{name: mine, cluster: {server: https://a, certificate-authority-data: eQ==}}]\n", false},
		"another address":            {"clusters: [{name: mine, cluster: {server: https://b, certificate-authority-data: eA==}}]\n", false},
		"no kubeconfig":              {"\tnothing", false},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Leads(path, []byte(is)); got != c.leads {
			t.Errorf("%s: leads there: %t, want %t", name, got, c.leads)
		}
	}
}
