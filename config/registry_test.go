package config

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/preflight"
)

const dockerConfig = `{"auths": {"registry.example": {"auth": "bmFtZTpwYXNzd29yZA=="}}}`

func TestMetricsServerHasModes(t *testing.T) {
	for text, want := range map[string]preflight.Metrics{
		"auto": preflight.MetricsAuto, "install": preflight.MetricsInstall, "skip": preflight.MetricsSkip,
	} {
		if got := mustLoad(t, map[string]string{"metricsServer": text}).MetricsServer; got != want {
			t.Errorf("metricsServer %s is %s, want %s", text, got, want)
		}
	}
	mustRefuse(t, map[string]string{"metricsServer": "maybe"}, `gopherlocks:metricsServer: "maybe" is not auto, install or skip`)
	if got := mustLoad(t, nil).MetricsServer; got != preflight.MetricsAuto {
		t.Errorf("the default is %s", got)
	}
}

func TestPullSecretIsThatOfTheStackUnlessAnEntryHasItsOwn(t *testing.T) {
	list := `[{"name": "a"}, {"name": "b", "imagePullSecret": "own"}, {"name": "c", "imagePullSecret": ""}]`
	for name, c := range map[string]struct {
		changes map[string]string
		stack   string
		entries []string
	}{
		"none":             {map[string]string{"miniClusters": list}, "", []string{"", "own", ""}},
		"of somebody else": {map[string]string{"miniClusters": list, "imagePullSecret": "theirs"}, "theirs", []string{"theirs", "own", ""}},
		"made":             {map[string]string{"miniClusters": list, "registryCredentials": dockerConfig}, "gopherlocks-registry", []string{"gopherlocks-registry", "own", ""}},
		"made, with a name": {
			map[string]string{"registryCredentials": dockerConfig, "imagePullSecret": "mine"}, "mine", []string{"mine"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, c.changes)
			if s.ImagePullSecret != c.stack {
				t.Errorf("the stack's is %q, want %q", s.ImagePullSecret, c.stack)
			}
			for i, want := range c.entries {
				if got := components.Literal(s.MiniClusters[i].ImagePullSecret); got != want {
					t.Errorf("entry %d has %q, want %q", i, got, want)
				}
			}
		})
	}
	mustRefuse(t, map[string]string{"imagePullSecret": "My_Secret"}, `gopherlocks:imagePullSecret: "My_Secret"`)
}

func TestCredentialsThatNodesCannotUseAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		`hidden`:   "is no JSON of a Docker configuration",
		`{}`:       `has no "auths"`,
		`["auth"]`: "is no JSON of a Docker configuration",
		`{"auths": {"registry.example": {}}, "credsStore": "desktop"}`: `has no password for "registry.example"`,
		`{"auths": {"registry.example": {"username": "hidden"}}}`:      "kubectl create secret docker-registry",
		`{"credHelpers": {"registry.example": "ecr-login"}}`:           "nodes cannot run those",
	} {
		_, err := load(t, map[string]string{"registryCredentials": content})
		if err == nil || !strings.Contains(err.Error(), "gopherlocks:registryCredentials: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want %q", content, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows a part of the value: %v", err)
		}
	}
	mustLoad(t, map[string]string{"registryCredentials": `{"auths": {"r": {"username": "a", "password": "b"}}}`})
}

// TestCredentialsInPlainTextAreRefused: they would stand in the stack's file.
func TestCredentialsInPlainTextAreRefused(t *testing.T) {
	values := map[string]string{}
	for key, value := range defaults(t) {
		values["gopherlocks:"+key] = value
	}
	values["gopherlocks:registryCredentials"] = dockerConfig
	run := func(secrets ...string) (err error) {
		runErr := pulumi.RunErr(func(ctx *pulumi.Context) error {
			_, err = Load(ctx)
			return nil
		}, pulumi.WithMocks("gopherlocks", "dev", noEngine{}), func(info *pulumi.RunInfo) {
			info.Config, info.ConfigSecretKeys = values, secrets
		})
		if runErr != nil {
			t.Fatal(runErr)
		}
		return err
	}
	if err := run(); err == nil || !strings.Contains(err.Error(), "gopherlocks:registryCredentials: is stored in plain text: pulumi config set --secret registryCredentials") {
		t.Errorf("error = %v", err)
	}
	if err := run("gopherlocks:registryCredentials"); err != nil {
		t.Errorf("stored as a secret: %v", err)
	}
}

type noEngine struct{}

func (noEngine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

func (noEngine) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }
