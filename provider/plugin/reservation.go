package plugin

import "fmt"

const describeTakeOver = "Takes over a cluster of this name that this machine remembers, after the state of its stack was lost. " +
	"Without it such a cluster is refused: it may be another stack's. Default: false."

// remembered tells whether this machine has a record of a cluster, whole or begun,
// and where the copy of its kubeconfig is, if anywhere.
type remembered func() (kubeconfigFile string, known bool, err error)

// refuseTaken refuses to reserve the name of a remembered cluster. It cannot be the
// stack's own, which begins after its reservation. The holder of the reservation
// would adopt the cluster, and delete it in the end.
func refuseTaken(name string, takeOver bool, cluster remembered) error {
	if takeOver || name == "" { // A preview may not know the name yet; it is checked later.
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
