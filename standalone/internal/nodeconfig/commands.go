package nodeconfig

import (
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
)

// Names of the components of a node. Their programs have the same names.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Containerd        = "containerd"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	CoreDNS           = "coredns"
)

// Command is the program of a component and its arguments.
type Command struct {
	Component string
	Path      string
	Args      []string
}

// Commands returns the commands of the components.
func (c Cluster) Commands() []Command {
	command := func(component string, args ...string) Command {
		return Command{Component: component, Path: filepath.Join(c.Dir.Bin(), component), Args: args}
	}
	return []Command{
		command(Etcd, c.etcdArgs()...),
		command(APIServer, c.apiServerArgs()...),
		command(ControllerManager, c.controllerManagerArgs()...),
		command(Scheduler, "--kubeconfig="+c.kubeconfigFile(pki.Scheduler), "--leader-elect=false",
			"--authentication-kubeconfig="+c.kubeconfigFile(pki.Scheduler),
			"--authorization-kubeconfig="+c.kubeconfigFile(pki.Scheduler)),
		{Component: Containerd, Path: Containerd, Args: []string{"--config=" + filepath.Join(c.Dir.Config(), ContainerdFile)}},
		command(Kubelet,
			"--config="+filepath.Join(c.Dir.Config(), KubeletFile),
			"--kubeconfig="+c.kubeconfigFile(pki.Node),
			"--root-dir="+c.Dir.Path("kubelet"),
			"--hostname-override="+c.NodeName(),
			"--node-ip="+c.Plan.NodeIP.String()),
		command(Proxy, "--config="+filepath.Join(c.Dir.Config(), ProxyFile)),
		command(CoreDNS, "-conf="+filepath.Join(c.Dir.Config(), CorefileFile)),
	}
}

func (c Cluster) etcdArgs() []string {
	const peer = "http://127.0.0.1:2380"
	client := "https://" + EtcdAddress
	return []string{
		"--data-dir=" + c.Dir.Path("etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		// A single member has no peers: the address is only part of its identity.
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--cert-file=" + c.cert(pki.Etcd), "--key-file=" + c.key(pki.Etcd),
		"--client-cert-auth", "--trusted-ca-file=" + c.cert(pki.EtcdCA),
		"--log-level=warn",
	}
}

func (c Cluster) apiServerArgs() []string {
	return []string{
		"--etcd-servers=https://" + EtcdAddress,
		"--etcd-cafile=" + c.cert(pki.EtcdCA),
		"--etcd-certfile=" + c.cert(pki.EtcdClient), "--etcd-keyfile=" + c.key(pki.EtcdClient),
		"--secure-port=" + APIServerPort,
		"--advertise-address=" + c.Plan.NodeIP.String(),
		"--service-cluster-ip-range=" + c.Plan.Services.String(),
		"--client-ca-file=" + c.cert(pki.ClusterCA),
		"--tls-cert-file=" + c.cert(pki.APIServer), "--tls-private-key-file=" + c.key(pki.APIServer),
		"--service-account-key-file=" + pki.PublicKeyFile(c.Dir.PKI()),
		"--service-account-signing-key-file=" + c.key(pki.ServiceAccount),
		"--service-account-issuer=https://kubernetes.default.svc." + ClusterDomain,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--kubelet-certificate-authority=" + c.cert(pki.ClusterCA),
		"--kubelet-client-certificate=" + c.cert(pki.APIServerKubelet), "--kubelet-client-key=" + c.key(pki.APIServerKubelet),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + c.cert(pki.ClusterCA),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.cert(pki.FrontProxy), "--proxy-client-key-file=" + c.key(pki.FrontProxy),
		"--enable-aggregator-routing=true",
	}
}

func (c Cluster) controllerManagerArgs() []string {
	kubeconfig := c.kubeconfigFile(pki.ControllerManager)
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--service-account-private-key-file=" + c.key(pki.ServiceAccount),
		"--root-ca-file=" + c.cert(pki.ClusterCA),
		"--cluster-signing-cert-file=" + c.cert(pki.ClusterCA), "--cluster-signing-key-file=" + c.key(pki.ClusterCA),
		"--use-service-account-credentials",
		"--leader-elect=false",
		// Upstream's limits of 20 and 30 protect a shared control plane. Here they
		// would only add seconds to the start and to each resize.
		"--kube-api-qps=200", "--kube-api-burst=400",
	}
	if period := c.Record.HPASyncPeriod; period > 0 {
		args = append(args, "--horizontal-pod-autoscaler-sync-period="+period.String())
	}
	return args
}

func (c Cluster) cert(name string) string { return pki.CertFile(c.Dir.PKI(), name) }

func (c Cluster) key(name string) string { return pki.KeyFile(c.Dir.PKI(), name) }

func (c Cluster) kubeconfigFile(name string) string {
	return filepath.Join(c.Dir.Config(), name+".kubeconfig")
}
