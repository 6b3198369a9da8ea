package app

// SLOMetrics lets tests compare what is served with the catalogue.
var SLOMetrics = sloMetrics

// Waiting lets tests see what clusters are told of clients that wait in pools.
func (a *App) Waiting(tenant string) int { return a.pools.waiting(tenant) }
