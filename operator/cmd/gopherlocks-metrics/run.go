package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	basecmd "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	adapteroptions "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/externalscaler"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxmetrics"
	"github.com/gopherlocks/gopherlocks/operator/internal/operatorkey"
	"github.com/gopherlocks/gopherlocks/operator/internal/restconfig"
)

// run serves until ctx is done, or one of the servers fails.
func run(ctx context.Context, o options) error {
	config, err := restconfig.Load(o.kubeconfig)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err = errors.Join(clientgoscheme.AddToScheme(scheme), api.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("register API types: %w", err)
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("set up a client: %w", err)
	}
	source := fluxmetrics.NewSource(reader, func(ctx context.Context) ([]byte, error) {
		return operatorkey.Read(ctx, reader, o.namespace)
	})
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return serveAPI(ctx, o, source) })
	if o.kedaAddress != none {
		servers.Go(func() error { return serveKEDA(ctx, o.kedaAddress, source) })
	}
	if o.seriesAddress != none {
		servers.Go(func() error { return serveSeries(ctx, o.seriesAddress, source) })
	}
	return servers.Wait()
}

// serveAPI serves the custom metrics API. The API server asks on behalf of its users, whom it
// names; who they are and what they may is asked of it.
func serveAPI(ctx context.Context, o options, source source) error {
	adapter := basecmd.AdapterBase{
		Name:                              "gopherlocks-metrics",
		RemoteKubeConfigFile:              o.kubeconfig,
		FlagSet:                           pflag.NewFlagSet("", pflag.ContinueOnError),
		CustomMetricsAdapterServerOptions: adapteroptions.NewCustomMetricsAdapterServerOptions(),
	}
	adapter.SecureServing.BindPort = o.securePort
	adapter.SecureServing.ServerCert.CertDirectory = "" // It is made anew at each start, and only in memory.
	adapter.Authentication.RemoteKubeConfigFile = o.kubeconfig
	adapter.Authorization.RemoteKubeConfigFile = o.kubeconfig
	adapter.EnableMetrics = false
	adapter.WithCustomMetrics(metrics{source})
	if err := adapter.Run(ctx); err != nil {
		return fmt.Errorf("custom metrics API on port %d: %w", o.securePort, err)
	}
	return nil
}

// serveKEDA serves KEDA's external scaler.
func serveKEDA(ctx context.Context, address string, source source) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--keda-address: %w", err)
	}
	server := externalscaler.NewServer(scaler{source})
	defer context.AfterFunc(ctx, server.Stop)()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("external scaler on %s: %w", address, err)
	}
	return nil
}

// serveSeries serves Prometheus.
func serveSeries(ctx context.Context, address string, source source) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(newSeries(source)); err != nil {
		return fmt.Errorf("series for Prometheus: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("--series-address: %w", err)
	}
	return nil
}
