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
	"sync"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// kindPackages are needed to make a container engine and a node image of kind, if
// there are none.
var kindPackages = append(slices.Clone(stackcluster.ContainerPackages), stackcluster.Package{Name: "debootstrap", Programs: []string{"debootstrap"}})

// neededPackages lists what a cluster provider needs; hasEngine says whether a
// container engine works.
func neededPackages(provider, goos string, hasEngine func() bool) []stackcluster.Package {
	switch {
	case goos == "linux" && provider == stackcluster.Embedded:
		return stackcluster.EmbeddedPackages
	case goos == "linux" && provider == stackcluster.Kind && !hasEngine():
		return kindPackages
	default:
		return nil
	}
}

// systemFolders hold programs of the administrator, and may be missing from the
// PATH of a user.
var systemFolders = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// missingPackages returns the names of the packages with missing programs. path is
// the value of PATH; exists says whether a file is a program.
func missingPackages(packages []stackcluster.Package, path string, exists func(string) bool) []string {
	var missing []string
	folders := append(filepath.SplitList(path), systemFolders...)
	for _, p := range packages {
		complete := p.FindFolder(exists) != ""
		if p.Folders == nil {
			complete = !slices.ContainsFunc(p.Programs, func(program string) bool {
				return !slices.ContainsFunc(folders, func(folder string) bool { return exists(filepath.Join(folder, program)) })
			})
		}
		if !complete {
			missing = append(missing, p.Name)
		}
	}
	return missing
}

// installPackages installs the Debian packages that the cluster needs, and refuses
// a cluster that cannot be made here. For tests it does not refuse: they then skip
// what needs a cluster.
func installPackages(ctx context.Context, t *tree, forTests bool) error {
	provider := t.clusterProvider(ctx).Provider
	checkEngine := sync.OnceValue(func() error { return checkEngine(ctx) })
	checkOwn := func(cause error) error { return containerengine.WithoutOwn().CheckOwn(t.state, cause) }
	machine := host{runtime.GOOS, os.Geteuid(), checkEngine, checkOwn}
	if err := machine.fits(provider); err != nil {
		if forTests {
			fmt.Printf("packages: none, tests of clusters will be skipped: %v\n", err)
			return nil
		}
		return err
	}
	needed := neededPackages(provider, runtime.GOOS, func() bool { return checkEngine() == nil })
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
	const alternative = "or " + useExisting
	aptGet, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("the cluster needs %s, and there is no apt-get to install them; install them by this machine's own means, %s", list, alternative)
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
	// apt-get must ask no questions, and must not start the distribution's
	// containerd: the cluster runs its own. systemctl(1) leaves running services
	// alone while SYSTEMD_OFFLINE is set.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_OFFLINE=1", "LC_ALL=C.UTF-8")
	// It ends by itself: an interrupted dpkg would leave packages half installed.
	cmd.Cancel = func() error { return errors.ErrUnsupported }
	out, err := cmd.CombinedOutput()
	return string(out), err
}
