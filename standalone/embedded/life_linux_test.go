package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// TestClusterLivesAndLeavesNoTrace follows real clusters through their lives.
// It compares the whole machine before and after, so no other cluster may come
// or go meanwhile.
func TestClusterLivesAndLeavesNoTrace(t *testing.T) {
	binDir := requireMachine(t)
	before := takeSnapshot(t)
	name := fmt.Sprintf("test-%d", os.Getpid())
	// One cluster has its state below a folder that is private to the node, the
	// other elsewhere.
	first := newTestCluster(t, Spec{Ref: Ref{Name: name}, BinDir: binDir, KubeconfigFile: filepath.Join(t.TempDir(), "kubeconfig")})
	second := newTestCluster(t, Spec{Ref: Ref{Name: name, StateRoot: filepath.Join(t.TempDir(), "state")}, BinDir: binDir})

	first.create()
	first.requireKubeconfigCopy()
	t.Run("pods reach services by name", func(t *testing.T) { first.requireProbe(t, "probe") })
	t.Run("a machine in another network takes its clusters along", func(t *testing.T) { first.requireMove(t) })
	t.Run("lost firewall rules are mended", func(t *testing.T) { first.requireMendedFirewall(t) })
	t.Run("ended components are started again", func(t *testing.T) {
		first.killComponent(t, nodeconfig.Kubelet)
		first.killComponent(t, nodeconfig.Scheduler)
		first.requireProbe(t, "probe-after-kill")
	})
	t.Run("a second cluster runs beside the first", func(t *testing.T) {
		second.create()
		if first.cluster.Subnet.Overlaps(second.cluster.Subnet) {
			t.Errorf("subnets %s and %s overlap", first.cluster.Subnet, second.cluster.Subnet)
		}
		second.requireProbe(t, "probe")
		first.requireProbe(t, "probe-beside")
	})
	t.Run("a killed node comes back with its state", func(t *testing.T) { first.requireComeback(t) })
	t.Run("creating an existing cluster adopts it", func(t *testing.T) {
		pid := first.report(t).PID
		first.create()
		if now := first.report(t).PID; now != pid {
			t.Errorf("the node was started again: process %d became %d", pid, now)
		}
	})
	t.Run("changed programs start the node again", func(t *testing.T) { first.requireNewPrograms(t) })
	t.Run("deleting one leaves the other alone", func(t *testing.T) {
		first.delete(t)
		second.requireProbe(t, "probe-alone")
	})
	t.Run("an interrupted creation is begun again", func(t *testing.T) { second.requireRecreation(t) })
	t.Run("a node whose state was lost is removed", func(t *testing.T) {
		if err := os.Rename(second.cluster.StateDir, filepath.Join(t.TempDir(), "lost")); err != nil {
			t.Fatal(err)
		}
		second.delete(t)
	})
	t.Run("a canceled creation leaves only its logs", func(t *testing.T) { first.requireCancel(t) })
	t.Run("a failed creation says why", func(t *testing.T) { first.requireFailure(t) })
	takeSnapshot(t).requireSame(t, before)
}

// requireMachine skips the test where no cluster can be made.
func requireMachine(t *testing.T) (binDir string) {
	binDir = os.Getenv("GOPHERLOCKS_BIN")
	if binDir == "" {
		t.Skip("GOPHERLOCKS_BIN does not name the folder with the cluster's programs; \"make test\" sets it")
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("an embedded cluster needs Linux and root")
	}
	if _, err := checkMachine(binDir); err != nil {
		t.Skip(err)
	}
	return binDir
}

// requireProbe runs a pod that does what probe does, and waits for its success.
func (c *testCluster) requireProbe(t *testing.T, name string) {
	t.Helper()
	image := c.loadProbe(t)
	path := "/api/v1/namespaces/default/pods/" + name
	c.apply(t, path, buildPod(name, image, "Never"))
	c.await(t, "the probe to succeed", func() error {
		var pod struct{ Status struct{ Phase string } }
		if err := c.api.Get(t.Context(), path, &pod); err != nil {
			return err
		}
		if pod.Status.Phase != "Succeeded" {
			return fmt.Errorf("the pod's phase is %q; its output is in %s/var-log/pods", pod.Status.Phase, c.cluster.StateDir)
		}
		return nil
	})
}

// killComponent kills a program of the node and waits until the supervisor has
// started it again and it answers.
func (c *testCluster) killComponent(t *testing.T, component string) {
	t.Helper()
	killed := 0
	for _, pid := range c.processes(t) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.TrimSpace(string(name)) == component {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed++
		}
	}
	if killed != 1 {
		t.Fatalf("%d processes %s were found, not one", killed, component)
	}
	c.await(t, component+" to be started again", func() error {
		report := c.report(t).Components[component]
		if report.Restarts != 1 || !report.Ready || !strings.Contains(report.LastEnd, "killed") {
			return fmt.Errorf("the report on %s is %+v", component, report)
		}
		return nil
	})
}

// requireComeback kills the supervisor and with it the whole node.
func (c *testCluster) requireComeback(t *testing.T) {
	const objectPath = "/api/v1/namespaces/default/configmaps/keepsake"
	c.apply(t, objectPath, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "keepsake"},
	})
	uid := c.uid(t, objectPath)
	if err := syscall.Kill(c.report(t).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.await(t, "the node's end to be noticed", func() error {
		cluster, err := Inspect(c.spec.Ref)
		if err == nil && cluster.Running {
			err = errors.New("the cluster seems to run")
		}
		return err
	})
	cluster, err := Update(t.Context(), c.spec, c.progress)
	if err != nil {
		t.Fatal(err)
	}
	if !cluster.Running || string(cluster.Kubeconfig) != string(c.cluster.Kubeconfig) {
		t.Errorf("the cluster is running: %t, or has another kubeconfig than before", cluster.Running)
	}
	if now := c.uid(t, objectPath); now != uid {
		t.Errorf("the object's UID was %s and is %s", uid, now)
	}
	c.requireProbe(t, "probe-after-comeback")
}

// requireRecreation pretends that the process which made the cluster was killed
// before it was ready.
func (c *testCluster) requireRecreation(t *testing.T) {
	record, err := state.Load(c.spec.dir())
	if err != nil {
		t.Fatal(err)
	}
	record.Phase = state.PhaseCreating
	if err := state.Save(c.spec.dir(), record); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(c.spec.Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("a cluster that never was ready is found: %v", err)
	}
	const namespace = "/api/v1/namespaces/default"
	uid := c.uid(t, namespace)
	c.create()
	if now := c.uid(t, namespace); now == uid {
		t.Error("the cluster is the old one")
	}
}

// requireCancel interrupts a creation while its node starts.
func (c *testCluster) requireCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Create(ctx, c.spec, func(message string) {
		c.progress(message)
		if strings.Contains(message, nodeconfig.APIServer) {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	logs := c.spec.dir().FailedLogs()
	if _, statErr := os.Stat(filepath.Join(logs, "node.log")); statErr != nil || !strings.Contains(err.Error(), logs) {
		t.Errorf("the logs are not where the error says: %v, %v", err, statErr)
	}
	if pids := c.processes(t); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	c.delete(t)
}

// requireNewPrograms changes the content of two programs: one that runs, and the
// one that becomes an image.
func (c *testCluster) requireNewPrograms(t *testing.T) {
	pid := c.report(t).PID
	spec := c.spec
	spec.BinDir = copyPrograms(t, c.spec.BinDir)
	for _, program := range []string{nodeconfig.CoreDNS, pauseProgram} {
		file, err := os.OpenFile(filepath.Join(spec.BinDir, program), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		// What follows the sections of an executable does not change what it does.
		_, err = file.WriteString("\n")
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Update(t.Context(), spec, c.progress); err != nil {
		t.Fatal(err)
	}
	if now := c.report(t).PID; now == pid {
		t.Error("the node still runs the old programs")
	}
	c.requireProbe(t, "probe-new-programs")
}

// copyPrograms copies what a test changes, and links the rest.
func copyPrograms(t *testing.T, binDir string) string {
	t.Helper()
	found, missing := findPrograms(binDir)
	if len(missing) > 0 {
		t.Fatalf("missing are %v", missing)
	}
	folder := t.TempDir()
	for program, path := range found {
		target := filepath.Join(folder, installedName(program, path))
		err := os.Symlink(path, target)
		if target == filepath.Join(folder, program) {
			err = errors.Join(err, os.Remove(target), copyFile(path, target))
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	return folder
}

// requireFailure has a program that can't start.
func (c *testCluster) requireFailure(t *testing.T) {
	spec := c.spec
	spec.BinDir = copyPrograms(t, c.spec.BinDir)
	etcd := filepath.Join(spec.BinDir, nodeconfig.Etcd)
	if err := os.Remove(etcd); err != nil {
		t.Fatal(err)
	}
	write(t, etcd, "#!/bin/sh\necho out of order\nexit 3\n")
	_, err := Create(t.Context(), spec, c.progress)
	for _, want := range []string{nodeconfig.Etcd, "exit code 3", "out of order", spec.dir().FailedLogs()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in the error: %v", want, err)
		}
	}
	if _, err := os.Stat(spec.StateDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state is still there: %v", err)
	}
	c.delete(t)
}
