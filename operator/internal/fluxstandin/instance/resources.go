package instance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Resources is a set of resources, R. Source: Flux RFC 20.
type Resources struct {
	Version   int       `json:"version"`
	Execution Execution `json:"execution"`
}

// Execution is what R says of where and when.
type Execution struct {
	Targets    []Target `json:"R_lite"`
	StartTime  float64  `json:"starttime"`
	Expiration float64  `json:"expiration"`
	Slots      int32    `json:"nslots,omitempty"`
	NodeList   []string `json:"nodelist"`
}

// Target is the same room on ranks.
type Target struct {
	Ranks idset.Set `json:"rank"`
	Room  Room      `json:"children"`
}

// resources is R of rooms by rank.
func (s *State) resources(rooms map[int32]Room) Resources {
	targets, all := []Target{}, idset.Set{}
	for rank := range s.Size {
		room, has := rooms[rank]
		if !has {
			continue
		}
		own := idset.Range(rank, rank+1)
		all = all.Union(own)
		same := slices.IndexFunc(targets, func(t Target) bool { return t.Room.equal(room) })
		if same < 0 {
			targets = append(targets, Target{own, room})
		} else {
			targets[same].Ranks = targets[same].Ranks.Union(own)
		}
	}
	return Resources{Version: 1, Execution: Execution{Targets: targets, NodeList: []string{s.hostList(all)}}}
}

func (r Room) equal(other Room) bool { return r.Cores.Equal(other.Cores) && r.GPUs.Equal(other.GPUs) }

// hostList is a host list of ranks. Flux's own is shorter.
func (s *State) hostList(ranks idset.Set) string {
	var hosts []string
	for rank := range ranks.All() {
		hosts = append(hosts, s.Host(rank))
	}
	return strings.Join(hosts, ",")
}

// AllResources is R of the instance.
func (s *State) AllResources() Resources {
	return s.resources(s.wholeRanks(idset.Range(0, s.Size)))
}

func (s *State) wholeRanks(ranks idset.Set) map[int32]Room {
	rooms := map[int32]Room{}
	for rank := range ranks.All() {
		rooms[rank] = s.whole()
	}
	return rooms
}

// jobResources is R of a job that has ranks.
func (s *State) jobResources(job *Job) Resources {
	rooms := map[int32]Room{}
	for _, share := range job.Shares {
		rooms[share.Rank] = share.Room
	}
	r := s.resources(rooms)
	r.Execution.StartTime, r.Execution.Slots = job.When("alloc"), job.Tasks
	if job.Nodes > 0 {
		r.Execution.Slots = job.Nodes * job.SlotsPerNode()
	}
	return r
}

// summary says what R has: "rank[0-1]/core[0-1] rank2/core0". Source: rlist_dumps of
// src/common/librlist/rlist.c.
func summary(r Resources) string {
	short := func(ids idset.Set) string {
		if ids.Len() == 1 {
			return ids.String()
		}
		return "[" + ids.String() + "]"
	}
	var words []string
	for _, target := range r.Execution.Targets {
		word := fmt.Sprintf("rank%s/core%s", short(target.Ranks), short(target.Room.Cores))
		if !target.Room.GPUs.IsEmpty() {
			word += ",gpu" + short(target.Room.GPUs)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// ResourceStatus is what the resource module says of the ranks. Source:
// src/modules/resource/status.c.
func (s *State) ResourceStatus(online idset.Set) map[string]any {
	return map[string]any{
		"R": s.AllResources(), "drain": s.drains(), "online": online, "offline": idset.Range(0, s.Size).Minus(online),
		"exclude": "", "torpid": "",
	}
}

// SchedulerStatus is what the scheduler says of the ranks, each as R.
func (s *State) SchedulerStatus(online idset.Set) map[string]any {
	taken := map[int32]Room{}
	for _, job := range s.Jobs {
		if job.State == Running && job.Parent == 0 {
			for _, share := range job.Shares {
				room := taken[share.Rank]
				taken[share.Rank] = Room{room.Cores.Union(share.Cores), room.GPUs.Union(share.GPUs)}
			}
		}
	}
	down := idset.Range(0, s.Size).Minus(online).Union(s.DrainedRanks())
	return map[string]any{
		"all": s.AllResources(), "allocated": s.resources(taken), "down": s.resources(s.wholeRanks(down)),
	}
}
