package agentapi

import (
	"encoding/json"
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// PathDrain is the path of the lead's endpoint. It takes a PUT of a DrainRequest and
// answers with a DrainReport. Every request bears the header
// "Authorization: Bearer TOKEN"; without it the answer is 401 and nothing else.
// Errors are answered with a status of 4xx or 5xx and an Error.
const PathDrain = "/v1/drain"

// DrainReason begins the reason of each rank that we drain, in Flux's list. What
// bears another reason is an administrator's, and is left alone.
const DrainReason = "gopherlocks:"

// DrainRequest says which ranks are to be drained by us: those and no others. It
// is a state, not a step: the same request twice changes nothing, and a rank that
// we drained and that is not in it is undrained.
type DrainRequest struct {
	Ranks idset.Set `json:"ranks"`
	// WaitSeconds, when above 0, holds the answer back until the ranks are idle,
	// a job on them ends, or the time is over.
	WaitSeconds int32 `json:"waitSeconds,omitempty"`
	// Known, with WaitSeconds, is the Busy that the caller has been told last:
	// another one is answered at once.
	Known idset.Set `json:"known,omitzero"`
}

// UnmarshalJSON names the field of a set that cannot be read.
func (r *DrainRequest) UnmarshalJSON(data []byte) error {
	var text struct {
		Ranks, Known string
		WaitSeconds  int32
	}
	err := json.Unmarshal(data, &text)
	if err != nil {
		return err
	}
	if r.Ranks, err = idset.Parse(text.Ranks); err != nil {
		return fmt.Errorf("ranks: %w", err)
	}
	if r.Known, err = idset.Parse(text.Known); err != nil {
		return fmt.Errorf("known: %w", err)
	}
	r.WaitSeconds = text.WaitSeconds
	return nil
}

// DrainReport tells of the ranks of a DrainRequest, once they are drained.
type DrainReport struct {
	// Busy are those of the ranks that run jobs; empty: all are idle.
	Busy idset.Set `json:"busy"`
	// Jobs are the IDs of the jobs on them, at most 10, and JobCount is their
	// number.
	Jobs     []string `json:"jobs,omitempty"`
	JobCount int      `json:"jobCount"`
}

// Error is the body of an answer that is no success.
type Error struct {
	Error string `json:"error"`
}
