// Package workload is an elastic application. Its CPU use can be changed from
// outside, to show scaling if no Flux image can be pulled.
//
// The lead (rank 0) holds the load of the whole instance, in millicores. It splits
// the load evenly over the connected ranks, as a queue of work would: more ranks
// mean less work for each. A rank holds one streaming request to the lead. The lead
// sends its new share whenever the load or the number of ranks changes. When the
// stream breaks, the rank burns nothing and connects again.
package workload
