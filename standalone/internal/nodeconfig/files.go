package nodeconfig

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
)

// Names of the files in the folder of configurations.
const (
	ContainerdFile  = "containerd.toml"
	CNIFile         = "cni/10-bridge.conflist"
	KubeletFile     = "kubelet.yaml"
	ProxyFile       = "kube-proxy.yaml"
	CorefileFile    = "Corefile"
	ResolvFile      = "resolv.conf"
	adminKubeconfig = "admin.kubeconfig"
)

// kubeconfigs are the users of the API server by the name of their certificate.
var kubeconfigs = []string{pki.Node, pki.ControllerManager, pki.Scheduler, pki.Proxy, pki.CoreDNS}

// Machine is what the configuration takes from the machine.
type Machine struct {
	// BridgeFilter says that the kernel can filter bridged frames (br_netfilter).
	BridgeFilter bool
	// CgroupV1 says that the machine has control groups of version 1.
	CgroupV1 bool
}

// Files returns the content of the configuration files by name.
func (c Cluster) Files(machine Machine) (map[string][]byte, error) {
	files := map[string][]byte{
		ContainerdFile: []byte(c.containerd()),
		CorefileFile:   []byte(c.corefile()),
		ResolvFile:     []byte(c.resolvConf()),
	}
	for name, value := range map[string]any{
		CNIFile:     c.cni(),
		KubeletFile: c.kubelet(machine),
		ProxyFile:   c.proxy(machine),
	} {
		data, err := yaml.Marshal(value)
		if err == nil && filepath.Ext(name) == ".conflist" {
			data, err = yaml.YAMLToJSON(data)
		}
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", name, err)
		}
		files[name] = data
	}
	for _, name := range kubeconfigs {
		data, err := yaml.Marshal(c.kubeconfig(LocalAPIServer, map[string]any{
			"certificate-authority": pki.CertFile(c.Dir.PKI(), pki.ClusterCA),
		}, map[string]any{
			"client-certificate": pki.CertFile(c.Dir.PKI(), name),
			"client-key":         pki.KeyFile(c.Dir.PKI(), name),
		}))
		if err != nil {
			return nil, fmt.Errorf("rendering the kubeconfig of %s: %w", name, err)
		}
		files[name+".kubeconfig"] = data
	}
	return files, nil
}

// Write renders all configuration files into the cluster's folder, among them
// the administrator's kubeconfig, which needs the certificates to be there.
func (c Cluster) Write(machine Machine) error {
	files, err := c.Files(machine)
	if err != nil {
		return err
	}
	if files[adminKubeconfig], err = c.adminKubeconfig(); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(c.Dir.Config(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("making the folder of configurations: %w", err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("writing the configuration %s: %w", name, err)
		}
	}
	return nil
}

// WriteDNS renders the files that tell a running node its name servers. CoreDNS
// reads its file again by itself, and must not see half of it. resolv.conf keeps
// its inode, which is mounted in the node; kubelet reads it for each new pod.
func (c Cluster) WriteDNS() error {
	resolver := filepath.Join(c.Dir.Config(), ResolvFile)
	if err := os.WriteFile(resolver, []byte(c.resolvConf()), 0o600); err != nil {
		return fmt.Errorf("writing the configuration %s: %w", ResolvFile, err)
	}
	if err := atomicfile.Write(filepath.Join(c.Dir.Config(), CorefileFile), []byte(c.corefile())); err != nil {
		return fmt.Errorf("writing the configuration %s: %w", CorefileFile, err)
	}
	return nil
}

// adminKubeconfig has its credentials inside, so that it works wherever it is copied.
func (c Cluster) adminKubeconfig() ([]byte, error) {
	var errs []error
	read := func(path string) string {
		data, err := os.ReadFile(path)
		errs = append(errs, err)
		return base64.StdEncoding.EncodeToString(data)
	}
	data, err := yaml.Marshal(c.kubeconfig(c.Endpoint(), map[string]any{
		"certificate-authority-data": read(pki.CertFile(c.Dir.PKI(), pki.ClusterCA)),
	}, map[string]any{
		"client-certificate-data": read(pki.CertFile(c.Dir.PKI(), pki.Admin)),
		"client-key-data":         read(pki.KeyFile(c.Dir.PKI(), pki.Admin)),
	}))
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("rendering the administrator's kubeconfig: %w", err)
	}
	return data, nil
}

func (c Cluster) kubeconfig(server string, authority, user map[string]any) map[string]any {
	name := c.ContextName()
	authority["server"] = server
	return map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"clusters":        []any{map[string]any{"name": name, "cluster": authority}},
		"users":           []any{map[string]any{"name": name, "user": user}},
		"contexts":        []any{map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": name}}},
		"current-context": name,
	}
}

// containerd renders a version 2 configuration, which containerd 1.3 to 2.x
// read (https://github.com/containerd/containerd/blob/main/docs/cri/config.md).
func (c Cluster) containerd() string {
	return fmt.Sprintf(`version = 2
root = %q
# Under the node's private /run: what runs does not outlive the node.
state = "/run/containerd"

[grpc]
  address = %q

# Its default is a folder on the machine.
[plugins."io.containerd.internal.v1.opt"]
  path = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = %t
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`, c.Dir.Path("containerd"), c.Dir.ContainerdSocket(), c.Dir.Path("containerd", "opt"), c.Record.PauseImage,
		c.Record.RestrictOOMScoreAdj, c.Record.CNIBinDir, filepath.Join(c.Dir.Config(), filepath.Dir(CNIFile)))
}

func (c Cluster) cni() map[string]any {
	return map[string]any{
		"cniVersion": "0.4.0",
		"name":       "gopherlocks",
		"plugins": []any{
			map[string]any{
				"type": "bridge", "bridge": "cni0", "mtu": c.Record.MTU,
				"isGateway": true, "ipMasq": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type":   "host-local",
					"ranges": []any{[]any{map[string]any{"subnet": c.Plan.Pods.String()}}},
					"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}
}

// kubelet renders a KubeletConfiguration
// (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/).
func (c Cluster) kubelet(machine Machine) map[string]any {
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": pki.CertFile(c.Dir.PKI(), pki.ClusterCA)},
		},
		"authorization":            map[string]any{"mode": "Webhook"},
		"tlsCertFile":              pki.CertFile(c.Dir.PKI(), pki.Kubelet),
		"tlsPrivateKeyFile":        pki.KeyFile(c.Dir.PKI(), pki.Kubelet),
		"containerRuntimeEndpoint": "unix://" + c.Dir.ContainerdSocket(),
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + c.CgroupName(),
		"clusterDomain":            ClusterDomain,
		"clusterDNS":               []string{c.Plan.DNSIP.String()},
		"resolvConf":               filepath.Join(c.Dir.Config(), ResolvFile),
		"volumePluginDir":          c.Dir.Path("kubelet", "volume-plugins"),
		"podLogsDir":               "/var/log/pods",
		"failSwapOn":               false,
		"serializeImagePulls":      false,
		// A node that comes back first says that it is not ready. It says that it
		// is ready at its next update, by default 10 s later. Without a change it
		// reports as seldom as by default.
		"nodeStatusUpdateFrequency": "2s",
		"nodeStatusReportFrequency": "5m",
		// Images that were loaded by hand can't be pulled again: never collect them.
		"imageGCHighThresholdPercent": 100,
		// The machine's disk is shared: evicting pods of this cluster would not
		// help if others fill it.
		"evictionHard": map[string]any{
			"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%",
		},
	}
	if machine.CgroupV1 {
		// From 1.35 on kubelet refuses version 1 by default, although it works.
		config["failCgroupV1"] = false
	}
	return config
}

// proxy renders a KubeProxyConfiguration
// (https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/).
func (c Cluster) proxy(machine Machine) map[string]any {
	return map[string]any{
		"apiVersion":       "kubeproxy.config.k8s.io/v1alpha1",
		"kind":             "KubeProxyConfiguration",
		"mode":             "iptables",
		"hostnameOverride": c.NodeName(),
		"clusterCIDR":      c.Plan.Pods.String(),
		"clientConnection": map[string]any{"kubeconfig": filepath.Join(c.Dir.Config(), pki.Proxy+".kubeconfig")},
		// The table of connections is the machine's. It is left alone, as kind
		// does.
		"conntrack": map[string]any{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
		// If bridged frames are not filtered, endpoints answer pods on the same
		// bridge directly. The answer then misses the rules that translate the
		// service's address back.
		"iptables": map[string]any{"masqueradeAll": !machine.BridgeFilter},
	}
}

// corefile renders CoreDNS' configuration after kubeadm's
// (https://github.com/kubernetes/kubernetes/blob/v1.37.2/cmd/kubeadm/app/phases/addons/dns/manifests.go).
// Answers about the cluster are not cached: pods of a MiniCluster come and go, and
// look for each other before they exist.
func (c Cluster) corefile() string {
	forward := ""
	if len(c.Record.NameServers) > 0 {
		forward = "    forward . " + strings.Join(c.Record.NameServers, " ") + "\n"
	}
	return fmt.Sprintf(`.:53 {
    bind %s
    errors
    ready 127.0.0.1:8181
    kubernetes %[3]s in-addr.arpa ip6.arpa {
        kubeconfig %[2]s
        pods insecure
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }
%[4]s    cache 30 {
        disable success %[3]s
        disable denial %[3]s
    }
    loop
    reload 2s 1s
    loadbalance
}
`, c.Plan.NodeIP, filepath.Join(c.Dir.Config(), pki.CoreDNS+".kubeconfig"), ClusterDomain, forward)
}

func (c Cluster) resolvConf() string {
	var lines strings.Builder
	for _, server := range c.Record.NameServers {
		fmt.Fprintf(&lines, "nameserver %s\n", server)
	}
	return lines.String()
}
