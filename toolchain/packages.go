package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// debianPackage is a package that the embedded cluster needs, and the files
// that show that it is there, be it from Debian or from elsewhere.
type debianPackage struct {
	name     string
	programs []string // All of them, each in one of the folders.
	folders  []string // Besides PATH.
}

var debianPackages = []debianPackage{
	{name: "containerd", programs: []string{"containerd", "containerd-shim-runc-v2", "ctr"}},
	{name: "runc", programs: []string{"runc"}},
	{name: "iptables", programs: []string{"iptables", "iptables-save", "iptables-restore"}},
	{
		name:     "containernetworking-plugins",
		programs: []string{"bridge", "host-local", "loopback", "portmap"},
		// Debian's folder and upstream's.
		folders: []string{"/usr/lib/cni", "/opt/cni/bin"},
	},
}

// kindPackages are what a container engine and a node image of kind are made
// with where there are none.
var kindPackages = append(slices.Clone(debianPackages[:3]), debianPackage{name: "debootstrap", programs: []string{"debootstrap"}})

// neededPackages lists what a cluster provider needs; hasEngine says whether a
// container engine works.
func neededPackages(provider, goos string, hasEngine func() bool) []debianPackage {
	switch {
	case goos == "linux" && provider == "embedded":
		return debianPackages
	case goos == "linux" && provider == "kind" && !hasEngine():
		return kindPackages
	default:
		return nil
	}
}

// systemFolders hold programs of the administrator, and may be missing from the
// PATH of a user.
var systemFolders = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// missingPackages returns the names of the packages whose programs are not
// there. path is the value of PATH; exists says whether a file is a program.
func missingPackages(packages []debianPackage, path string, exists func(string) bool) []string {
	var missing []string
	for _, p := range packages {
		folders := p.folders
		if folders == nil {
			folders = append(filepath.SplitList(path), systemFolders...)
		}
		for _, program := range p.programs {
			if !existsIn(folders, program, exists) {
				missing = append(missing, p.name)
				break
			}
		}
	}
	return missing
}

func existsIn(folders []string, program string, exists func(string) bool) bool {
	for _, folder := range folders {
		if exists(filepath.Join(folder, program)) {
			return true
		}
	}
	return false
}

// installPackages installs what the cluster needs of Debian.
func installPackages(ctx context.Context, t *tree) error {
	provider := t.clusterProvider(ctx).name
	needed := neededPackages(provider, runtime.GOOS, func() bool { return t.engineWorks(ctx, os.Getenv) })
	if len(needed) == 0 {
		fmt.Printf("packages: none needed, the stack's clusterProvider is %s on %s\n", provider, runtime.GOOS)
		return nil
	}
	missing := missingPackages(needed, os.Getenv("PATH"), isExecutable)
	if len(missing) == 0 {
		fmt.Printf("packages: all that the clusterProvider %s needs are there\n", provider)
		return nil
	}
	list := strings.Join(missing, " ")
	alternative := "or use a cluster that you have: `pulumi config set clusterProvider existing`"
	aptGet, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("the cluster needs %s, and there is no apt-get to install them; install them by this machine's own means, %s", list, alternative)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the cluster needs %s, and only root may install them; run `sudo apt-get install --no-install-recommends %s`, %s", list, list, alternative)
	}

	s := startStep(os.Stderr, "Debian packages "+list)
	s.set("installing")
	output, err := aptGetRun(ctx, aptGet, missing)
	if err != nil && ctx.Err() == nil {
		// The list of packages is missing or too old.
		s.set("updating the list of packages")
		updateOutput, updateErr := aptGetRun(ctx, aptGet, nil)
		if updateErr != nil {
			s.end("failed")
			return aptFailed("update the list of packages", updateErr, updateOutput, alternative)
		}
		s.set("installing")
		output, err = aptGetRun(ctx, aptGet, missing)
	}
	if err != nil {
		s.end("failed")
		return aptFailed("install "+list, err, output, alternative)
	}
	if still := missingPackages(needed, os.Getenv("PATH"), isExecutable); len(still) > 0 {
		s.end("failed")
		return fmt.Errorf("apt-get has installed %s, but the programs of %s are not there; look at `dpkg -L %s`, %s", list, strings.Join(still, " "), still[0], alternative)
	}
	s.end("installed")
	return nil
}

func aptFailed(what string, err error, output, alternative string) error {
	return fmt.Errorf("apt-get could not %s: %w\n%s\ncorrect the cause and run the command again, %s", what, err, lastLines(output, shownLines), alternative)
}

// aptGetRun installs packages, or updates the list of packages when none are
// named, and returns what apt-get has said.
func aptGetRun(ctx context.Context, aptGet string, packages []string) (string, error) {
	args := []string{"-q", "-o", "DPkg::Lock::Timeout=120"}
	if len(packages) == 0 {
		args = append(args, "update")
	} else {
		args = append(args, "install", "--yes", "--no-install-recommends")
		args = append(args, packages...)
	}
	cmd := exec.CommandContext(ctx, aptGet, args...)
	// No question is asked, and the distribution's containerd is not started:
	// the cluster runs one of its own. systemctl(1) leaves running services
	// alone while SYSTEMD_OFFLINE is set.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_OFFLINE=1", "LC_ALL=C.UTF-8")
	// Interrupting dpkg would leave packages half installed: it ends by itself.
	cmd.Cancel = func() error { return errors.ErrUnsupported }
	out, err := cmd.CombinedOutput()
	return string(out), err
}
