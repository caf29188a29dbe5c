// Package podstandin plays, for tests, the pods of one MiniCluster on a machine of
// Linux without Kubernetes.
//
// What is real: a pod's first process is PID 1 of namespaces of its own (processes,
// mounts, network, host name, IPC); it has its own /etc/hosts, /gopherlocks, Secret
// and termination message; pods reach each other over a bridge by the names that a
// headless Service gives them, and a pod that comes again has another address.
// What is not: there is no image (a pod sees the machine's files), no cgroup, no
// probe, no restart and no DNS: names are in /etc/hosts, which all pods share and
// which changes as pods come and go.
//
// A test package uses it so:
//
//	func TestMain(m *testing.M) { podstandin.Main(); os.Exit(m.Run()) }
//
//	func TestX(t *testing.T) { pods := podstandin.New(t, "sample"); … }
package podstandin
