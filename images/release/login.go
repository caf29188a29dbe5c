package release

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// hub is what people, and Podman, call Docker Hub.
const hub = "docker.io"

// newKeychain has the credentials of `docker login` and `podman login`.
// authn.DefaultKeychain has fewer: it ignores Podman's files if Docker has one, and
// does not find Docker Hub under its other names.
func newKeychain() authn.Keychain {
	var keychains []authn.Keychain
	for _, file := range loginFiles(os.Getenv, os.Getuid()) {
		keychains = append(keychains, loginFile(file))
	}
	return authn.NewMultiKeychain(keychains...)
}

// loginFiles are the files that may have credentials, Docker's first.
// Source: https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
func loginFiles(getenv func(string) string, uid int) []string {
	in := func(folder, file string) string {
		if folder == "" {
			return "" // And not a file of the working directory.
		}
		return filepath.Join(folder, file)
	}
	home := getenv("HOME")
	return []string{
		in(cmp.Or(getenv("DOCKER_CONFIG"), in(home, ".docker")), "config.json"),
		cmp.Or(getenv("REGISTRY_AUTH_FILE"), in(getenv("XDG_RUNTIME_DIR"), "containers/auth.json"), fmt.Sprintf("/run/containers/%d/auth.json", uid)),
		in(cmp.Or(getenv("XDG_CONFIG_HOME"), in(home, ".config")), "containers/auth.json"),
	}
}

// loginFile is the path of a file that has credentials, or names the programs
// that do.
type loginFile string

var _ authn.Keychain = loginFile("")

// Resolve finds the credentials of the narrowest login to the target.
func (f loginFile) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if info, err := os.Stat(string(f)); err != nil || info.IsDir() {
		return authn.Anonymous, nil // It is not there, or in a folder of somebody else.
	}
	content, err := os.Open(string(f))
	if err != nil {
		return nil, fmt.Errorf("open the credentials: %w", err)
	}
	defer content.Close()
	logins, err := config.LoadFromReader(content)
	if err != nil {
		return nil, fmt.Errorf("read the credentials in %s; correct or remove it, and log in again: %w", f, err)
	}
	for _, key := range loginKeys(target) {
		login, err := logins.GetCredentialsStore(key).Get(key)
		if err != nil {
			return nil, fmt.Errorf("the credential helper that %s names fails; install it, or take it out of there: %w", f, err)
		}
		login.ServerAddress = "" // Which is no credential.
		if login != (types.AuthConfig{}) {
			return authn.FromConfig(authn.AuthConfig{
				Username: login.Username, Password: login.Password, Auth: login.Auth,
				IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
			}), nil
		}
	}
	return authn.Anonymous, nil
}

// loginKeys are the names under which a login to the target may be stored. There
// are several: Podman also logs in to parts of a registry.
func loginKeys(target authn.Resource) []string {
	hosts := []string{target.RegistryStr()}
	var keys []string
	if hosts[0] == name.DefaultRegistry {
		hosts = append(hosts, hub)
		keys = append(keys, authn.DefaultAuthKey)
	}
	for _, host := range hosts {
		for key := host + strings.TrimPrefix(target.String(), target.RegistryStr()); key != "."; key = path.Dir(key) {
			keys = append(keys, key)
		}
	}
	return keys
}
