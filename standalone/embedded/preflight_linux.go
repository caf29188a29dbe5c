package embedded

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gopherlocks/gopherlocks/stackcluster"
	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/searchpath"
)

// machine is what this machine has, as far as clusters need it.
type machine struct {
	hierarchies         []cgroup.Hierarchy
	cniBinDir           string
	restrictOOMScoreAdj bool
	config              nodeconfig.Machine
}

// checkMachine returns what the machine offers, or one error with all that is
// missing and what to do about it.
func checkMachine(binDir string) (machine, error) {
	var found machine
	var missing, packages []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root (run pulumi as root)")
	}
	for _, p := range stackcluster.ContainerPackages {
		for _, program := range p.Programs {
			if _, err := searchpath.Look(program); err != nil {
				missing = append(missing, "the program "+program)
				packages = append(packages, p.Name)
			}
		}
	}
	cni := stackcluster.CNIPackage
	found.cniBinDir = cni.FindFolder(func(path string) bool { _, err := os.Stat(path); return err == nil })
	if found.cniBinDir == "" {
		missing = append(missing, fmt.Sprintf("the CNI plugins %s in one of %s",
			strings.Join(cni.Programs, ", "), strings.Join(cni.Folders, ", ")))
		packages = append(packages, cni.Name)
	}
	if _, programs := findPrograms(binDir); len(programs) > 0 {
		missing = append(missing, fmt.Sprintf("the cluster's programs %s in the folder %s (run \"make tools\", or set binDir)",
			strings.Join(programs, ", "), binDir))
	}
	var err error
	if found.hierarchies, err = cgroup.Hierarchies(); err != nil {
		return machine{}, err
	}
	if controllers := cgroup.MissingControllers(found.hierarchies); len(controllers) > 0 {
		missing = append(missing, "the control group controllers "+strings.Join(controllers, ", "))
	}
	if len(missing) > 0 {
		return machine{}, describeMissing(missing, packages)
	}
	found.restrictOOMScoreAdj = !hasCapability(unix.CAP_SYS_RESOURCE)
	_, bridgeErr := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
	found.config = nodeconfig.Machine{BridgeFilter: bridgeErr == nil, CgroupV1: !cgroup.IsUnified(found.hierarchies)}
	return found, nil
}

func describeMissing(missing, packages []string) error {
	var message strings.Builder
	message.WriteString("an embedded cluster needs what this machine does not have:")
	for _, item := range missing {
		message.WriteString("\n  - " + item)
	}
	if len(packages) > 0 {
		message.WriteString("\nOn Debian and Ubuntu: apt-get install -y " + strings.Join(unique(packages), " "))
	}
	message.WriteString("\nOr use a cluster that exists: pulumi config set clusterProvider existing")
	return fmt.Errorf("%s", message.String())
}

func unique(items []string) []string {
	var result []string
	seen := map[string]bool{}
	for _, item := range items {
		if !seen[item] {
			seen[item] = true
			result = append(result, item)
		}
	}
	return result
}

// hasCapability says whether this process, and so its children, has a
// capability. Some machines keep CAP_SYS_RESOURCE even from root, and then
// oom_score_adj can't be lowered.
func hasCapability(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}
