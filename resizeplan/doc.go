// Package resizeplan says what a preview of Pulumi means for each MiniCluster of a
// stack: which ranks come and go, whether all of them restart, which jobs run on
// those that go, what an autoscaler may do afterwards, and whether the nodes have
// room.
//
// Make is a function of two sets of facts, without client, clock or logger:
//
//	Preview   what Pulumi would change (package preview gathers it)
//	Live      what is in the cluster now (package cluster gathers it)
//
//	spec after = what the API server answered to Pulumi's dry run of the update,
//	             else the live spec with the declared changes in it,
//	             else what is declared
//	size after = its size; where an autoscaler scales, within that one's range
//	ranks      = what the operator's own planner does with it (package whatif)
//
// What cannot be known is said to be so, with the reason, and never guessed.
// Make is cheap: a caller makes a first report to learn which ranks go, asks what
// runs there, and makes the report that it shows.
package resizeplan
