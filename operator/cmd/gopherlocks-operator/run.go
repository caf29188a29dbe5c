package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	utilversion "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/controller"
	"github.com/gopherlocks/gopherlocks/operator/internal/operatorkey"
	"github.com/gopherlocks/gopherlocks/operator/internal/restconfig"
)

const leaseName = "gopherlocks-operator"

// run works until ctx is done.
func run(ctx context.Context, o options) error {
	config, err := restconfig.Load(o.kubeconfig)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err = errors.Join(clientgoscheme.AddToScheme(scheme), api.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("register API types: %w", err)
	}
	caches, err := controller.CacheOptions()
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
		Cache:                   caches,
		Metrics:                 metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:  o.healthAddress,
		LeaderElection:          o.leaderElect,
		LeaderElectionID:        leaseName,
		LeaderElectionNamespace: o.namespace,
		// The next operator need not wait for the lease to run out. That is safe
		// because the process ends as soon as the manager does.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("set up the operator: %w", err)
	}
	settings, err := settingsOf(config, o)
	if err != nil {
		return err
	}
	// Not the manager's client, whose cache would read all Secrets there are.
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("set up a client: %w", err)
	}
	key, err := operatorkey.Load(ctx, direct, o.namespace)
	if err != nil {
		return err
	}
	if err = controller.Add(mgr, controller.Options{Settings: settings, Key: key}); err != nil {
		return err
	}
	synced := func(req *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(req.Context()) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
	err = errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("caches", synced))
	if err != nil {
		return fmt.Errorf("add probes: %w", err)
	}
	return mgr.Start(ctx)
}

// settingsOf asks the API server for its version: older ones lack fields.
func settingsOf(config *rest.Config, o options) (build.Settings, error) {
	settings := build.Settings{AgentImage: o.agentImage, AgentPullSecret: o.pullSecret, OperatorNamespace: o.namespace}
	api, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return settings, fmt.Errorf("set up a client: %w", err)
	}
	info, err := api.ServerVersion()
	if err != nil {
		return settings, fmt.Errorf("ask the API server for its version: %w", err)
	}
	version, err := utilversion.ParseGeneric(info.GitVersion)
	if err != nil {
		return settings, fmt.Errorf("version %q of the API server: %w", info.GitVersion, err)
	}
	settings.Features = build.FeaturesOf(int(version.Major()), int(version.Minor()))
	return settings, nil
}
