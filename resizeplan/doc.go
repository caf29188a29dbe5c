// Package resizeplan says what a preview of Pulumi means for each MiniCluster of a
// stack: which ranks come and go, whether all restart, and which jobs run on ranks
// that go. It also says what an autoscaler may do afterwards, and whether the nodes
// have room.
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
// What cannot be known is reported as unknown, with the reason, and never guessed.
// Make is cheap, so a caller calls it twice: once to learn which ranks go, and
// again after it has asked what runs there.
package resizeplan
