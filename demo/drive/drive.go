// Package drive is what all demos of a scaling MiniCluster have in common: the
// MiniCluster and its pods, watched; a timeline of what becomes of them; and a picture
// that is drawn anew when something has changed. Package cpu drives the demo of an HPA
// that measures CPU use, package queue that of a queue of jobs.
//
// What is observed is plain data. The course of each demo and its picture are functions
// of it; files called watch.go, load.go, flux.go and run.go alone talk to the cluster.
package drive

// Ranks are the ranks of a MiniCluster at one moment.
type Ranks struct {
	// Min and Max bound the size.
	Min, Max int
	// Wished is spec.size: what an autoscaler or a person asks for.
	Wished int
	// Size and Ready are the ranks that exist and those that are up.
	Size, Ready int
	// Pods are the UIDs of the ranks' pods that are not terminating, by rank.
	Pods map[int]string
}

// AreAt tells whether spec.size, pods and ready ranks all are at size n.
func (r Ranks) AreAt(n int) bool {
	return r.Wished == n && r.Size == n && r.Ready == n && len(r.Pods) == n
}
