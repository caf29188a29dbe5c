package fluxconf

import (
	"encoding/json"
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// The resource set R, version 1. Source: Flux RFC 20.
type resourceSet struct {
	Version   int       `json:"version"`
	Execution execution `json:"execution"`
}

type execution struct {
	Targets    []targets   `json:"R_lite"`
	StartTime  json.Number `json:"starttime"`
	Expiration json.Number `json:"expiration"`
	NodeList   []string    `json:"nodelist"`
}

type targets struct {
	Ranks    idset.Set `json:"rank"`
	Children children  `json:"children"`
}

type children struct {
	Cores idset.Set `json:"core"`
}

// unset is how R says that a set has no start or no end. A real number, as Flux
// itself writes it.
const unset json.Number = "0.0"

// Resources returns R for the hosts of all ranks, "name-[0-3]" for a maxSize of 4,
// with the same number of cores each, as JSON. It holds what
// "flux R encode --hosts=HOSTS --cores=0-CORES-1" prints: also ranks that are not
// up are known to the scheduler, which waits for them. maxSize and cores are 1 to
// idset.Max.
func Resources(hosts string, maxSize, cores int32) ([]byte, error) {
	if maxSize < 1 || maxSize > idset.Max {
		return nil, fmt.Errorf("maxSize %d must be 1 to %d", maxSize, idset.Max)
	}
	if cores < 1 || cores > idset.Max {
		return nil, fmt.Errorf("cores %d must be 1 to %d", cores, idset.Max)
	}
	count, err := countHosts(hosts)
	if err != nil {
		return nil, err
	}
	if count != int(maxSize) {
		return nil, fmt.Errorf("hosts %.60q are %d, and must be as many as maxSize %d", hosts, count, maxSize)
	}
	r, err := json.Marshal(resourceSet{
		Version: 1,
		Execution: execution{
			Targets:    []targets{{Ranks: idset.Range(0, maxSize), Children: children{Cores: idset.Range(0, cores)}}},
			StartTime:  unset,
			Expiration: unset,
			NodeList:   []string{hosts},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode R: %w", err)
	}
	return append(r, '\n'), nil
}
