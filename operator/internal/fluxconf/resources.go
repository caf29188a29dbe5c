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
	GPUs  idset.Set `json:"gpu,omitzero"`
}

// unset is how R says that a set has no start or no end. A real number, as Flux
// itself writes it.
const unset json.Number = "0.0"

// Resources returns R for the hosts of all ranks, "name-[0-3]" for a ceiling of 4,
// with the same number of cores and GPUs each, as JSON. It holds what
// "flux R encode --hosts=HOSTS --cores=0-CORES-1 --gpus=0-GPUS-1" prints: also ranks
// that are not up are known to the scheduler, which waits for them. ceiling and cores
// are 1 to idset.Max, gpus 0 to idset.Max.
func Resources(hosts string, ceiling, cores, gpus int32) ([]byte, error) {
	if ceiling < 1 || ceiling > idset.Max {
		return nil, fmt.Errorf("ceiling %d must be 1 to %d", ceiling, idset.Max)
	}
	if cores < 1 || cores > idset.Max {
		return nil, fmt.Errorf("cores %d must be 1 to %d", cores, idset.Max)
	}
	if gpus < 0 || gpus > idset.Max {
		return nil, fmt.Errorf("GPUs %d must be 0 to %d", gpus, idset.Max)
	}
	count, err := countHosts(hosts)
	if err != nil {
		return nil, err
	}
	if count != int(ceiling) {
		return nil, fmt.Errorf("hosts %.60q are %d, and must be as many as ceiling %d", hosts, count, ceiling)
	}
	r, err := json.Marshal(resourceSet{
		Version: 1,
		Execution: execution{
			Targets:    []targets{{Ranks: idset.Range(0, ceiling), Children: children{Cores: idset.Range(0, cores), GPUs: idset.Range(0, gpus)}}},
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

// CheckResources returns what is wrong with R of a user's: it must have every rank of
// an instance that can have ceiling of them.
func CheckResources(r []byte, ceiling int32) error {
	var set struct {
		Version   int `json:"version"`
		Execution struct {
			Targets []struct {
				Ranks idset.Set `json:"rank"`
			} `json:"R_lite"`
		} `json:"execution"`
	}
	if err := json.Unmarshal(r, &set); err != nil {
		return fmt.Errorf("they are not in the JSON of RFC 20: %w", err)
	}
	if set.Version != 1 {
		return fmt.Errorf("version %d must be 1", set.Version)
	}
	missing := idset.Range(0, ceiling)
	for _, t := range set.Execution.Targets {
		missing = missing.Minus(t.Ranks)
	}
	if !missing.IsEmpty() {
		return fmt.Errorf("%s missing: R must have each rank up to ceiling %d", missing.Words(), ceiling)
	}
	return nil
}
