package provision

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// users is a folder inside the shared engine's. Each work tree that was given the
// engine leaves a file there with the path of its state. Until the tree has its
// first container, nothing else shows that it needs the engine.
type users string

func usersOf(engineDir string) users { return users(filepath.Join(engineDir, "users")) }

func (u users) file(state string) string {
	return filepath.Join(string(u), fmt.Sprintf("%x", sha256.Sum256([]byte(state)))[:16])
}

// add notes a tree.
func (u users) add(state string) error {
	err := os.MkdirAll(string(u), 0o700)
	if err == nil {
		err = os.WriteFile(u.file(state), []byte(state+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting who uses the container engine: %w", err)
	}
	return nil
}

// remove forgets a tree.
func (u users) remove(state string) error {
	if err := os.Remove(u.file(state)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forgetting who used the container engine: %w", err)
	}
	return nil
}

// others are the states of other trees that still use the engine at dockerHost. A
// tree that was deleted, or has another engine by now, does not count.
func (u users) others(state, dockerHost string) ([]string, error) {
	entries, err := os.ReadDir(string(u))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading who uses the container engine: %w", err)
	}
	var found []string
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(string(u), entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading who uses the container engine: %w", err)
		}
		other := strings.TrimSpace(string(content))
		if other != state && containerengine.LoadProvided(other).DockerHost == dockerHost {
			found = append(found, other)
		}
	}
	return found, nil
}
