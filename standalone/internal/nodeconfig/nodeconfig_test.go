package nodeconfig

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func newCluster(t *testing.T, change func(*state.Record)) Cluster {
	t.Helper()
	record := state.Record{
		Name: "demo", Subnet: netip.MustParsePrefix("10.200.0.0/16"), MTU: 1400,
		CNIBinDir: "/usr/lib/cni", PauseImage: "localhost/gopherlocks/pause:0123", NameServers: []string{"192.0.2.53"},
	}
	if change != nil {
		change(&record)
	}
	cluster, err := New("/var/lib/gopherlocks/demo", record)
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func files(t *testing.T, cluster Cluster, machine Machine) map[string]string {
	t.Helper()
	rendered, err := cluster.Files(machine)
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]string{}
	for name, data := range rendered {
		result[name] = string(data)
	}
	return result
}

// TestProgramsWriteInsideTheStateFolderOnly: all that our flags and fields make a
// program write must go with the folder.
func TestProgramsWriteInsideTheStateFolderOnly(t *testing.T) {
	cluster := newCluster(t, nil)
	allowed := []string{string(cluster.Dir), "/run", "/usr/lib/cni", "/var/log/pods", "/" + cluster.CgroupName()}
	for name, content := range files(t, cluster, Machine{BridgeFilter: true}) {
		for field := range strings.FieldsFuncSeq(content, func(r rune) bool { return strings.ContainsRune(" \"\n[],{}", r) }) {
			path := strings.TrimPrefix(field, "unix://")
			if !filepath.IsAbs(path) {
				continue
			}
			inside := false
			for _, prefix := range allowed {
				inside = inside || strings.HasPrefix(path, prefix)
			}
			if !inside {
				t.Errorf("%s names %s", name, path)
			}
		}
	}
}

func TestCommandsUseOnlyFilesThatAreWritten(t *testing.T) {
	cluster := newCluster(t, nil)
	written := map[string]bool{
		pki.PublicKeyFile(cluster.Dir.PKI()): true, pki.KeyFile(cluster.Dir.PKI(), pki.ServiceAccount): true,
	}
	for name := range files(t, cluster, Machine{BridgeFilter: true}) {
		written[filepath.Join(cluster.Dir.Config(), name)] = true
	}
	for _, certificate := range append(pki.Plan("demo", cluster.Plan), pki.Certificate{Name: pki.ClusterCA}, pki.Certificate{Name: pki.EtcdCA}) {
		written[pki.CertFile(cluster.Dir.PKI(), certificate.Name)] = true
		written[pki.KeyFile(cluster.Dir.PKI(), certificate.Name)] = true
	}
	for _, command := range cluster.Commands() {
		for _, arg := range command.Args {
			_, value, _ := strings.Cut(arg, "=")
			inFolder := strings.HasPrefix(value, cluster.Dir.PKI()) || strings.HasPrefix(value, cluster.Dir.Config())
			if inFolder && !written[value] {
				t.Errorf("%s: no one writes the file of %s", command.Component, arg)
			}
		}
	}
}

func TestContainerdRespectsWhatTheMachineRefuses(t *testing.T) {
	for _, restricted := range []bool{true, false} {
		cluster := newCluster(t, func(r *state.Record) { r.RestrictOOMScoreAdj = restricted })
		want := "restrict_oom_score_adj = false"
		if restricted {
			want = "restrict_oom_score_adj = true"
		}
		if content := files(t, cluster, Machine{BridgeFilter: true})[ContainerdFile]; !strings.Contains(content, want) {
			t.Errorf("no %q in:\n%s", want, content)
		}
	}
}

func TestProxyMasqueradesWhereBridgedFramesAreNotFiltered(t *testing.T) {
	for _, filter := range []bool{true, false} {
		var config struct {
			IPTables struct{ MasqueradeAll bool }
		}
		content := files(t, newCluster(t, nil), Machine{BridgeFilter: filter})[ProxyFile]
		if err := yaml.Unmarshal([]byte(content), &config); err != nil {
			t.Fatal(err)
		}
		if config.IPTables.MasqueradeAll == filter {
			t.Errorf("with filtering %t, masqueradeAll is %t", filter, config.IPTables.MasqueradeAll)
		}
	}
}

func TestDNSForwardsOnlyWhenThereAreServers(t *testing.T) {
	with := files(t, newCluster(t, nil), Machine{BridgeFilter: true})
	if !strings.Contains(with[CorefileFile], "forward . 192.0.2.53") || with[ResolvFile] != "nameserver 192.0.2.53\n" {
		t.Errorf("with a server:\n%s%s", with[CorefileFile], with[ResolvFile])
	}
	without := files(t, newCluster(t, func(r *state.Record) { r.NameServers = nil }), Machine{BridgeFilter: true})
	if strings.Contains(without[CorefileFile], "forward") || without[ResolvFile] != "" {
		t.Errorf("without one:\n%s%s", without[CorefileFile], without[ResolvFile])
	}
}

func TestHPASyncPeriodReachesTheController(t *testing.T) {
	find := func(cluster Cluster) bool {
		for _, command := range cluster.Commands() {
			for _, arg := range command.Args {
				if arg == "--horizontal-pod-autoscaler-sync-period=5s" {
					return command.Component == ControllerManager
				}
			}
		}
		return false
	}
	if !find(newCluster(t, func(r *state.Record) { r.HPASyncPeriod = 5 * time.Second })) {
		t.Error("the controller manager is not told")
	}
	if find(newCluster(t, nil)) {
		t.Error("the controller manager gets the flag although none was asked for")
	}
}

func TestClustersOfOneNameDoNotShareControlGroups(t *testing.T) {
	a := newCluster(t, nil)
	b, err := New("/elsewhere/demo", a.Record)
	if err != nil {
		t.Fatal(err)
	}
	if a.CgroupName() == b.CgroupName() || a.Link == b.Link {
		t.Errorf("both have %s and %s", a.CgroupName(), a.Link)
	}
	if a.Link != network.LinkName(string(a.Dir)) {
		t.Errorf("the link is %s", a.Link)
	}
}

func TestAdminKubeconfigWorksAnywhere(t *testing.T) {
	cluster := newCluster(t, nil)
	cluster.Dir = state.Dir(t.TempDir())
	if err := pki.Write(cluster.Dir.PKI(), pki.Plan("demo", cluster.Plan)); err != nil {
		t.Fatal(err)
	}
	data, err := cluster.adminKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); strings.Contains(text, string(cluster.Dir)) || !strings.Contains(text, "server: https://10.200.0.2:6443") {
		t.Errorf("the kubeconfig depends on files or has another server:\n%s", text)
	}
}

func TestKubeletIsToldToTakeCgroupV1OnlyWhereThatIs(t *testing.T) {
	for _, v1 := range []bool{true, false} {
		content := files(t, newCluster(t, nil), Machine{CgroupV1: v1})[KubeletFile]
		if strings.Contains(content, "failCgroupV1: false") != v1 || strings.Contains(content, "failCgroupV1") != v1 {
			t.Errorf("with version 1 %v the configuration is:\n%s", v1, content)
		}
	}
}
