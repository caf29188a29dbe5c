package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/images/crosscompile"
	"github.com/gopherlocks/gopherlocks/images/release"
)

// testImagesOfARegistry configures images of a registry, and then again those that
// are made for this machine's cluster.
func testImagesOfARegistry(t *testing.T, w *workspace) {
	references := w.publish(t, w.serveRegistry(t))
	for _, key := range []string{"operatorImage", "agentImage"} {
		w.run(t, "pulumi", "config", "set", key, references[key])
	}
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.run(t, "pulumi", "config", "set", "image", references["image"])
	// A command is run by the agent; the image's own entrypoint is not.
	w.run(t, "pulumi", "config", "set", "command", "/gopherlocks-demo-workload")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	// What somebody else has scaled before is by now as configured again.
	size := w.miniCluster(t).Spec.Size
	eventually(t, time.Minute, func() string { return w.differing(t, references, true) })
	w.waitForSize(t, size)
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")

	for _, key := range []string{"operatorImage", "agentImage", "image", "command"} {
		w.run(t, "pulumi", "config", "rm", key)
	}
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	eventually(t, time.Minute, func() string { return w.differing(t, references, false) })
	w.waitForSize(t, size)
}

// differing names the references that run and should not, or do not run and should.
func (w *workspace) differing(t *testing.T, references map[string]string, want bool) (names string) {
	t.Helper()
	running := w.runningImages(t)
	for key, reference := range references {
		if running[reference] != want {
			names += fmt.Sprintf("%s %s runs: %t; ", key, reference, !want)
		}
	}
	return names
}

// publish pushes our programs for this machine, and returns the references by
// their key in the configuration.
func (w *workspace) publish(t *testing.T, address string) map[string]string {
	t.Helper()
	to, err := release.NewRegistry(address + "/team")
	if err != nil {
		t.Fatal(err)
	}
	bin := strings.TrimSpace(w.run(t, "sh", "-c", `echo "$GOPHERLOCKS_BIN"`))
	references := map[string]string{}
	for key, name := range map[string]string{
		"operatorImage": "gopherlocks-operator", "agentImage": "gopherlocks-agent", "image": "gopherlocks-demo-workload",
	} {
		program, err := crosscompile.Read(filepath.Join(bin, name))
		if err != nil {
			t.Fatal(err)
		}
		image, err := release.Build(release.Spec{Name: name, Version: "v1", Programs: map[string]images.Program{runtime.GOARCH: program}})
		if err != nil {
			t.Fatal(err)
		}
		if references[key], err = to.Push(t.Context(), image, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	return references
}

// serveRegistry serves a registry in memory on the loopback of this machine and of
// each node: containerd needs no TLS there.
func (w *workspace) serveRegistry(t *testing.T) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	serve := func(listener net.Listener) {
		server := &http.Server{Handler: handler}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = server.Serve(listener) // Until it is closed.
		}()
		t.Cleanup(func() {
			_ = server.Close()
			<-done
		})
	}
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(here)
	for _, network := range w.nodeNetworks(t) {
		there, err := listenInNetwork(network, here.Addr().String())
		if err != nil {
			t.Fatalf("listening in the network of a node: %v", err)
		}
		serve(there)
	}
	return here.Addr().String()
}

// nodeNetworks are the network namespaces of the nodes, as files.
func (w *workspace) nodeNetworks(t *testing.T) []string {
	t.Helper()
	if w.provider == kind {
		var networks []string
		for _, node := range w.nodes(t) {
			networks = append(networks, networkNamed(t, strings.TrimSpace(w.run(t, "docker", "exec", node, "readlink", "/proc/self/ns/net"))))
		}
		return networks
	}
	stateDir := strings.TrimSpace(w.run(t, "pulumi", "stack", "output", "stateDir"))
	content, err := os.ReadFile(filepath.Join(stateDir, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ PID int }
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatal(err)
	}
	return []string{fmt.Sprintf("/proc/%d/ns/net", report.PID)}
}

// networkNamed finds a network namespace by the name that its processes have for
// it, such as "net:[4026532000]". The engine's process IDs would not do: our engine
// has its own PID namespace.
func networkNamed(t *testing.T, name string) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && link == name { // else the process has ended
			return file
		}
	}
	t.Fatalf("no process of this machine has the network %s", name)
	return ""
}

// runningImages are the images of the operator's and the ranks' pods. Ending pods
// do not count.
func (w *workspace) runningImages(t *testing.T) map[string]bool {
	t.Helper()
	running := map[string]bool{}
	for _, where := range []string{namespace, "gopherlocks-system"} {
		var pods corev1.PodList
		w.get(t, &pods, "pods", "-n", where)
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
				continue
			}
			for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				running[container.Image] = true
			}
		}
	}
	return running
}
