// Package demand tells what the queue of an instance of Flux needs, and what its ranks
// do. It is pure: no client, no clock, no logger.
//
// A Tracker takes what the instance tells of jobs and ranks. Of each active job it keeps
// a few words, and forgets it when it ends. Its Report packs the jobs on ranks:
//
//	room      cores and GPUs of the ranks below maxSize − those of running jobs;
//	          none on ranks that somebody else than us has drained, or that are excluded
//	pack      each pending job, in the order of the queue, on the lowest ranks with room
//	wanted    the highest rank with a job + 1; maxSize if a job finds no room
//
// A job that does not fit into maxSize empty ranks is too large, and is left out. Ranks
// that are offline have room, since growing starts them. So have ranks that we drained,
// since growing undrains them.
package demand
