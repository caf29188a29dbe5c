package bounds

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// configuration judges as the program does before it declares anything.
type configuration struct {
	// defaults are what Pulumi fills in from Pulumi.yaml.
	defaults map[string]string
}

func readConfiguration() (*configuration, error) {
	document, err := os.ReadFile("../../Pulumi.yaml")
	if err != nil {
		return nil, err
	}
	var project struct {
		Config map[string]struct{ Default any }
	}
	if err := yaml.Unmarshal(document, &project); err != nil {
		return nil, fmt.Errorf("Pulumi.yaml: %w", err)
	}
	c := &configuration{defaults: map[string]string{}}
	for key, declared := range project.Config {
		switch value := declared.Default.(type) {
		case nil:
		case string:
			c.defaults[key] = value
		default:
			encoded, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			c.defaults[key] = string(encoded)
		}
	}
	return c, nil
}

// noMonitor stands for the engine. A check of the configuration does not need one.
type noMonitor struct{ pulumi.MockResourceMonitor }

// refusals are the messages with which a program refuses its stack's
// configuration.
func (c *configuration) refusals(s bounds.Sizes) []string {
	values := maps.Clone(c.defaults)
	values["gopherlocks:autoscale"] = "false"
	values["gopherlocks:size"] = strconv.Itoa(s.Size)
	values["gopherlocks:minSize"] = strconv.Itoa(s.MinSize)
	values["gopherlocks:maxSize"] = strconv.Itoa(s.MaxSize)
	ctx, err := pulumi.NewContext(context.Background(), pulumi.RunInfo{
		Project: "gopherlocks", Stack: "test", Config: values, Mocks: noMonitor{},
	})
	if err != nil {
		return []string{err.Error()}
	}
	if _, err = config.Load(ctx); err == nil {
		return nil
	}
	var messages []string
	_, text, _ := strings.Cut(err.Error(), "\n") // After the headline.
	for line := range strings.Lines(text) {
		_, message, _ := strings.Cut(strings.TrimSpace(line), ": ") // After the key.
		messages = append(messages, message)
	}
	return messages
}
