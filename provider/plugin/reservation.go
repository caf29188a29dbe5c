package plugin

import "fmt"

const describeTakeOver = "Takes over a cluster of the name that this machine remembers: one of a stack whose state was lost. " +
	"Without it such a cluster is refused, since it may be another stack's. Default: false."

// remembered tells whether this machine remembers a cluster, whole or begun, and
// where the copy of its kubeconfig is, if anywhere.
type remembered func() (kubeconfigFile string, known bool, err error)

// refuseTaken refuses to reserve the name of a cluster that is remembered: a stack's
// own has not begun before its reservation is on record. Whoever holds the
// reservation adopts the cluster, and deletes it in the end.
func refuseTaken(name string, takeOver bool, cluster remembered) error {
	if takeOver || name == "" { // A name that a preview does not know yet is looked at later.
		return nil
	}
	kubeconfigFile, known, err := cluster()
	if err != nil || !known {
		return err
	}
	where := ""
	if kubeconfigFile != "" {
		where = " (its kubeconfig is " + kubeconfigFile + ")"
	}
	return fmt.Errorf("this machine has a cluster %s%s, of another stack or of one whose state was lost: take another name "+
		"(pulumi config set clusterName NAME), or take over what is this stack's (pulumi config set takeOverCluster %s; the input takeOver)",
		name, where, name)
}
