package platform

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
)

// MonitorOptions describes a Prometheus or an Alertmanager.
type MonitorOptions struct {
	Place
	// Config is the text of its YAML file.
	Config string
	// Args are further command line flags.
	Args []string
}

// Monitor is a running Prometheus or Alertmanager.
type Monitor struct{ *Server }

// URL returns where it answers, without a slash at the end.
func (m *Monitor) URL() string { return "http://" + m.Addr() }

// StartPrometheus starts Prometheus with its storage in its folder and reload by
// POST /-/reload enabled.
func StartPrometheus(ctx context.Context, o MonitorOptions) (*Monitor, error) {
	return startMonitor(ctx, o, "prometheus", "/usr/bin/prometheus", func(dir string) []string {
		return []string{"--storage.tsdb.path=" + filepath.Join(dir, "tsdb"), "--web.enable-lifecycle"}
	})
}

// StartAlertmanager starts a single Alertmanager that gossips with nobody.
func StartAlertmanager(ctx context.Context, o MonitorOptions) (*Monitor, error) {
	return startMonitor(ctx, o, "alertmanager", "/usr/bin/prometheus-alertmanager", func(dir string) []string {
		return []string{"--storage.path=" + filepath.Join(dir, "storage"), "--cluster.listen-address="}
	})
}

func startMonitor(
	ctx context.Context, o MonitorOptions, name, path string, flags func(dir string) []string,
) (*Monitor, error) {
	s, err := settle(o.Place, name)
	if err != nil {
		return nil, err
	}
	config, err := s.write(name+".yml", o.Config)
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	s.command = func(int) command {
		args := append(flags(s.Dir()), "--config.file="+config, "--web.listen-address="+s.Addr())
		return command{name: name, path: path, stop: syscall.SIGTERM, args: append(args, o.Args...)}
	}
	s.probe = s.httpReady("/-/ready")
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return &Monitor{Server: s}, nil
}
