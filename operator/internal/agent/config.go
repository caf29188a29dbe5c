package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// readConfig reads what the operator has put into the environment. Its errors
// name variable and field, but no value that could be a user's secret.
func readConfig(env getenv) (agentapi.Config, int32, error) {
	var cfg agentapi.Config
	text := env(agentapi.ConfigVariable)
	if text == "" {
		return cfg, 0, fmt.Errorf("%s is not set: the operator sets it in the pods of a MiniCluster", agentapi.ConfigVariable)
	}
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return cfg, 0, fmt.Errorf("%s: %w", agentapi.ConfigVariable, err)
	}
	modes := []agentapi.Mode{agentapi.ModeSubmit, agentapi.ModeLauncher, agentapi.ModeBatch, agentapi.ModeInteractive}
	switch {
	case !slices.Contains(modes, cfg.Mode):
		return cfg, 0, fmt.Errorf("%s: mode %q must be one of %q", agentapi.ConfigVariable, cfg.Mode, modes)
	case cfg.Ceiling < 1:
		return cfg, 0, fmt.Errorf("%s: ceiling %d must be at least 1", agentapi.ConfigVariable, cfg.Ceiling)
	case cfg.Name == "" || cfg.Hosts == "" || cfg.BrokerConfig == "":
		return cfg, 0, fmt.Errorf("%s: name, hosts and brokerConfig must not be empty", agentapi.ConfigVariable)
	}
	rank, err := strconv.ParseInt(env(agentapi.RankVariable), 10, 32)
	if err != nil || rank < 0 || rank >= int64(cfg.Ceiling) {
		return cfg, 0, fmt.Errorf("%s: %q must be a rank from 0 to %d", agentapi.RankVariable, env(agentapi.RankVariable), cfg.Ceiling-1)
	}
	return cfg, int32(rank), nil
}
