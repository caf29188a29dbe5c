package podstandin

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Spec is what a pod consists of.
type Spec struct {
	// Host is the pod's host name.
	Host string
	// Command of its container. The first word is a path in the pod.
	Command []string
	// Env is the environment, in the form of os.Environ.
	Env []string
	// Secret are the files of the mounted Secret.
	Secret map[string]string
	// Program is what agentapi.Program becomes, where the init container copies it. It is
	// in the folder for temporary files.
	Program string
}

// Pod is a pod that was started.
type Pod struct {
	t      testing.TB
	pods   *Pods
	host   string
	folder string
	cmd    *exec.Cmd
	ended  chan struct{}

	stdout, stderr Output
}

// inner is what a pod's first process is told.
type inner struct {
	Spec
	// Folder is the pod's: agentapi.Folder, the Secret and the new root are in it.
	Folder string
	// Hosts is the file of host names.
	Hosts   string
	Address string // as CIDR
}

// Folders and files of a pod, in its folder.
const (
	rootFolder      = "root"
	programFolder   = "run" // mounted as agentapi.Folder
	secretFolder    = "secret"
	terminationFile = "termination"
)

// Start starts a pod. While there is one of the same host, it fails the test.
func (p *Pods) Start(spec Spec) *Pod {
	p.t.Helper()
	number, err := p.join(spec.Host)
	if err != nil {
		p.t.Fatal(err)
	}
	pod := &Pod{t: p.t, pods: p, host: spec.Host, folder: filepath.Join(p.folder, fmt.Sprint(number)), ended: make(chan struct{})}
	if err := pod.start(spec, number); err != nil {
		p.t.Fatalf("starting the pod %s: %v", spec.Host, err)
	}
	p.t.Cleanup(func() {
		pod.Kill()
		if p.t.Failed() {
			p.t.Logf("pod %s (%s) printed:\n%s\nand as errors:\n%s", spec.Host, pod.folder, pod.Stdout(), pod.Stderr())
		}
	})
	return pod
}

func (pod *Pod) start(spec Spec, number int) error {
	if err := pod.makeFiles(spec); err != nil {
		return err
	}
	told, err := json.Marshal(inner{
		Spec: spec, Folder: pod.folder, Hosts: pod.pods.hosts(),
		Address: fmt.Sprintf("%s/%d", podAddress(number), podPrefix),
	})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	connected, connect, err := os.Pipe()
	if err != nil {
		return err
	}
	defer connected.Close()
	defer connect.Close()
	pod.cmd = exec.Command(self)
	pod.cmd.Args[0] = processName
	pod.cmd.Env = []string{innerVariable + "=" + string(told)}
	pod.cmd.Stdout, pod.cmd.Stderr = &pod.stdout, &pod.stderr
	pod.cmd.ExtraFiles = []*os.File{connected}
	pod.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL, // when the test is killed
	}
	started := make(chan error, 1)
	go pod.run(started)
	if err = <-started; err != nil {
		return fmt.Errorf("a process in new namespaces: %w", err)
	}
	if err = pod.pods.connect(pod.cmd.Process.Pid, number); err != nil {
		return err
	}
	_, err = connect.Write([]byte{1})
	return err
}

// run is the life of the pod's first process.
func (pod *Pod) run(started chan<- error) {
	// The kernel takes the end of the thread that has started it for the test's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := pod.cmd.Start()
	started <- err
	if err == nil {
		_ = pod.cmd.Wait() // its state says all
	}
	close(pod.ended)
}

func (pod *Pod) makeFiles(spec Spec) error {
	for _, folder := range []string{rootFolder, programFolder, secretFolder} {
		if err := os.MkdirAll(filepath.Join(pod.folder, folder), 0o755); err != nil {
			return err
		}
	}
	for name, text := range spec.Secret {
		if err := os.WriteFile(filepath.Join(pod.folder, secretFolder, name), []byte(text), 0o400); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(pod.folder, terminationFile), nil, 0o600); err != nil {
		return err
	}
	// A link is enough: nobody writes to it, and hundreds of copies would fill a disk.
	return os.Link(spec.Program, filepath.Join(pod.folder, programFolder, filepath.Base(agentapi.Program)))
}

// Outside is where the machine sees a file of agentapi.Folder.
func (pod *Pod) Outside(path string) string {
	inside, err := filepath.Rel(agentapi.Folder, path)
	if err != nil {
		pod.t.Fatal(err)
	}
	return filepath.Join(pod.folder, programFolder, inside)
}

// Exec runs a command in the pod, as "kubectl exec" does, and returns what it prints.
func (pod *Pod) Exec(env []string, command ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{
		"--target", strconv.Itoa(pod.cmd.Process.Pid), "--mount", "--root", "--pid", "--net", "--uts", "--ipc", "--",
	}, command...)...)
	cmd.Env = env
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// Stdout is what the pod has printed so far.
func (pod *Pod) Stdout() string { return pod.stdout.String() }

// Stderr is what the pod has printed so far as errors.
func (pod *Pod) Stderr() string { return pod.stderr.String() }

// Termination is the container's last word.
func (pod *Pod) Termination() string {
	pod.t.Helper()
	text, err := os.ReadFile(filepath.Join(pod.folder, terminationFile))
	if err != nil {
		pod.t.Fatal(err)
	}
	return string(text)
}

// Stop tells the pod to end, as kubelet does.
func (pod *Pod) Stop() { _ = pod.cmd.Process.Signal(syscall.SIGTERM) } // it may have ended just now

// Kill ends all of the pod at once, as the loss of its node does.
func (pod *Pod) Kill() {
	_ = pod.cmd.Process.Kill() // the kernel ends the rest of the namespace with its first process
	<-pod.ended
	pod.gone()
}

// Ended tells whether the pod has ended.
func (pod *Pod) Ended() bool {
	select {
	case <-pod.ended:
		return true
	default:
		return false
	}
}

// Done is closed when the pod has ended.
func (pod *Pod) Done() <-chan struct{} { return pod.ended }

// Code waits for the pod's end, and is its exit code as kubelet reports it.
func (pod *Pod) Code(within time.Duration) int {
	pod.t.Helper()
	select {
	case <-pod.ended:
	case <-time.After(within):
		pod.t.Fatalf("the pod %s has not ended within %v", pod.host, within)
	}
	pod.gone()
	status := pod.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// Processes are those of the pod whose command lines hold text, by the machine's
// numbers.
func (pod *Pod) Processes(text string) []int {
	pod.t.Helper()
	namespace := func(pid string) string {
		link, err := os.Readlink(filepath.Join("/proc", pid, "ns/pid"))
		if err != nil {
			return "gone"
		}
		return link
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		pod.t.Fatal(err)
	}
	own := namespace(fmt.Sprint(pod.cmd.Process.Pid))
	var pids []int
	for _, folder := range folders {
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(line), "\x00", " "), text) || namespace(filepath.Base(folder)) != own {
			continue // among them what has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			pod.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// gone makes room for another pod of the same host.
func (pod *Pod) gone() {
	if pod.host == "" {
		return
	}
	if err := pod.pods.leave(pod.host); err != nil {
		pod.t.Error(err)
	}
	pod.host = ""
}
