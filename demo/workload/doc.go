// Package workload is an elastic application whose CPU use can be turned up
// and down from outside, to show scaling where no Flux image can be pulled.
//
// The lead (rank 0) holds the load that the whole instance has to carry, in
// millicores, and splits it evenly over the ranks that are connected to it, as
// a queue of work would spread: more ranks mean less work for each. A rank
// holds one streaming request to the lead, which tells it its new share
// whenever load or number of ranks change; when the stream breaks it burns
// nothing and connects again.
package workload
