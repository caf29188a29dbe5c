package kind

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/provider/localimage"
)

func newClient(t *testing.T) *kind.Client {
	t.Helper()
	client, err := kind.NewClient(t.Context(), "test", func(message string) { t.Log(message) })
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newSpec(t *testing.T, workers int) kind.Spec {
	t.Helper()
	spec := kind.Spec{
		Name: "test", NodeImage: nodeImage, Wait: 3 * time.Minute,
		KubeconfigFile: filepath.Join(t.TempDir(), "kubeconfig"),
		Nodes:          []kind.Node{{Role: kind.ControlPlane}},
	}
	for range workers {
		spec.Nodes = append(spec.Nodes, kind.Node{
			Role:   kind.Worker,
			Labels: map[string]string{"disk": "fast"}, Taints: []kind.Taint{{Key: "quiet", Value: "yes", Effect: "PreferNoSchedule"}},
		})
	}
	return spec
}

// remove removes the cluster when the test ends, in whatever state it is.
func remove(t *testing.T, client *kind.Client, name string) {
	t.Helper()
	t.Cleanup(func() {
		if err := client.Delete(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	command := exec.Command("docker", args...)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return string(output)
}

// kubectl runs in the control plane.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return docker(t, append([]string{"exec", "test-control-plane", "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"}, args...)...)
}

// TestLifeOfAClusterOfThreeNodes is one test: each step needs the cluster of the
// steps before, which takes long to make.
func TestLifeOfAClusterOfThreeNodes(t *testing.T) {
	client, spec := newClient(t), newSpec(t, 2)
	remove(t, client, spec.Name)
	made, err := client.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := spec.NodeNames()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(made.NodeNames(), " "); got != strings.Join(wanted, " ") || !made.Running() || made.Context != "kind-test" {
		t.Errorf("made %+v, want the nodes %v", made, wanted)
	}
	if copied, err := os.ReadFile(spec.KubeconfigFile); err != nil || !bytes.Equal(copied, made.Kubeconfig) || !strings.Contains(string(copied), made.Endpoint) {
		t.Errorf("the copy of the kubeconfig is another (%v)", err)
	}

	t.Run("labels and taints arrive", func(t *testing.T) {
		labeled := kubectl(t, "get", "nodes", "--selector=disk=fast", "--output=jsonpath={.items[*].spec.taints[*].key}")
		if labeled != "quiet quiet" {
			t.Errorf("the taints of labeled nodes are %q", labeled)
		}
	})
	t.Run("pods of different nodes reach each other", func(t *testing.T) {
		reachDNS(t)
	})
	t.Run("a whole cluster is adopted, and kept from other inputs", func(t *testing.T) {
		adopted, err := client.Create(t.Context(), spec)
		if err != nil || adopted.Endpoint != made.Endpoint {
			t.Errorf("adopted %s (%v), want %s", adopted.Endpoint, err, made.Endpoint)
		}
		other := newSpec(t, 1)
		if _, err := client.Create(t.Context(), other); err == nil || !strings.Contains(err.Error(), "other inputs") {
			t.Errorf("other inputs: the error is %v", err)
		}
	})
	t.Run("an image is loaded once, into every node", func(t *testing.T) { testImage(t, client) })
	t.Run("stopped nodes are seen, and started", func(t *testing.T) {
		docker(t, "stop", "test-worker")
		stopped, err := client.Inspect(t.Context(), spec.Name)
		if err != nil || stopped.Running() {
			t.Fatalf("with a stopped node: %+v (%v)", stopped, err)
		}
		if _, err := client.Update(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		// The API has said Ready all the time. But a LocalImage in the same `pulumi
		// up` needs the node's services.
		docker(t, "exec", "test-worker", "systemctl", "is-active", "containerd", "kubelet")
		docker(t, "exec", "test-worker", "ctr", "--namespace=k8s.io", "images", "list", "--quiet")
	})
	t.Run("nodes come back with an engine that was killed", func(t *testing.T) {
		if restart == nil {
			t.Skip("the engine is the machine's")
		}
		if err := restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Update(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a lost node is named", func(t *testing.T) {
		docker(t, "rm", "--force", "--volumes", "test-worker2")
		if _, err := client.Update(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "test-worker2") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("nothing is left when it is deleted", func(t *testing.T) {
		if err := client.Delete(t.Context(), spec.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Inspect(t.Context(), spec.Name); !errors.Is(err, kind.ErrNotFound) {
			t.Errorf("it is still there (%v)", err)
		}
		if _, err := os.Stat(spec.KubeconfigFile); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("so is its kubeconfig (%v)", err)
		}
		if volumes := docker(t, "volume", "ls", "--quiet"); volumes != "" {
			t.Errorf("so are the volumes %s", volumes)
		}
	})
}

// reachDNS asks for a connection to each DNS pod from the node that it is not
// on, and to the service in front of them.
func reachDNS(t *testing.T) {
	t.Helper()
	addresses := strings.Fields(kubectl(t, "get", "pods", "--namespace=kube-system", "--selector=k8s-app=kube-dns",
		"--field-selector=status.phase=Running", "--output=jsonpath={.items[*].status.podIP}"))
	addresses = append(addresses, kubectl(t, "get", "service", "kube-dns", "--namespace=kube-system", "--output=jsonpath={.spec.clusterIP}"))
	if len(addresses) < 2 {
		t.Fatalf("the addresses are %v", addresses)
	}
	for _, address := range addresses {
		for _, node := range []string{"test-control-plane", "test-worker", "test-worker2"} {
			eventually(t, time.Minute, func() error {
				return exec.Command("docker", "exec", node, "timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/53").Run()
			}, "from %s to %s", node, address)
		}
	}
}

func testImage(t *testing.T, client *kind.Client) {
	image, err := localimage.Build("localhost/test/app", images.Spec{BinaryName: "app", Binary: []byte("\x7fELF of a test")})
	if err != nil {
		t.Fatal(err)
	}
	has := func() bool {
		t.Helper()
		has, askErr := client.HasImage(t.Context(), "test", image.Reference, image.Digest)
		if askErr != nil {
			t.Fatal(askErr)
		}
		return has
	}
	if has() {
		t.Fatal("it is there before it is loaded")
	}
	if err = client.LoadImage(t.Context(), "test", image); err != nil {
		t.Fatal(err)
	}
	if !has() {
		t.Fatal("it is not there")
	}
	again, err := kind.NewClient(t.Context(), "test", func(message string) { t.Errorf("loaded again: %s", message) })
	if err != nil {
		t.Fatal(err)
	}
	if err = again.LoadImage(t.Context(), "test", image); err != nil {
		t.Fatal(err)
	}
	// What Pulumi does when its repository changes: first the new name, then the old goes.
	renamed, err := localimage.Build("localhost/test/renamed", images.Spec{BinaryName: "app", Binary: []byte("\x7fELF of a test")})
	if err != nil || renamed.Digest != image.Digest || renamed.Reference == image.Reference {
		t.Fatalf("%s (%s) is not %s (%s) under another name (%v)", renamed.Reference, renamed.Digest, image.Reference, image.Digest, err)
	}
	if err := client.LoadImage(t.Context(), "test", renamed); err != nil {
		t.Fatal(err)
	}
	if err := client.RemoveImage(t.Context(), "test", image.Reference, image.Digest); err != nil || has() {
		t.Errorf("it is still there (%v)", err)
	}
	if has, err := client.HasImage(t.Context(), "test", renamed.Reference, renamed.Digest); err != nil || !has {
		t.Errorf("its other name went with it (%v)", err)
	}
	names := func(node string) string {
		t.Helper()
		return docker(t, "exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet", "target.digest=="+image.Digest)
	}
	// kubelet knows an image by its ID.
	if left := names("test-worker"); !strings.Contains(left, "sha256:") {
		t.Errorf("its ID went with the other: what is left is %q", left)
	}
	if err := client.RemoveImage(t.Context(), "test", renamed.Reference, renamed.Digest); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"test-control-plane", "test-worker", "test-worker2"} {
		if left := names(node); left != "" {
			t.Errorf("%s keeps it as %s", node, left)
		}
	}
}

func TestInterruptedCreationIsBegunAnew(t *testing.T) {
	client, spec := newClient(t), newSpec(t, 0)
	remove(t, client, spec.Name)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := client.Create(ctx, spec)
		done <- err
	}()
	eventually(t, time.Minute, func() error {
		_, err := client.Inspect(t.Context(), spec.Name)
		return err
	}, "the first node")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v, not the interruption", err)
	}
	if _, err := client.Inspect(t.Context(), spec.Name); !errors.Is(err, kind.ErrNotFound) {
		t.Errorf("after the interruption something is left (%v)", err)
	}
	if _, err := client.Create(t.Context(), spec); err != nil {
		t.Error(err)
	}
}

func TestClusterOfAnotherIsLeftAlone(t *testing.T) {
	client, spec := newClient(t), newSpec(t, 0)
	// A container with the label of kind's nodes is a cluster to kind.
	docker(t, "run", "--detach", "--name=test-control-plane", "--network=none", "--entrypoint=sleep",
		"--label=io.x-k8s.kind.cluster=test", "--label=io.x-k8s.kind.role=control-plane", nodeImage, "600")
	t.Cleanup(func() { docker(t, "rm", "--force", "--volumes", "test-control-plane") })
	if _, err := client.Create(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "has not made it") {
		t.Errorf("the error is %v", err)
	}
	found, err := client.Inspect(t.Context(), spec.Name)
	if err != nil || !found.Running() {
		t.Errorf("it is not what it was: %+v (%v)", found, err)
	}
}

// eventually waits until condition has no error.
func eventually(t *testing.T, limit time.Duration, condition func() error, what string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf(what+": after %s still %v", append(args, limit, err)...)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
