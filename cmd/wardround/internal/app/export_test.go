package app

// SLOMetrics lets tests compare what is served with the catalogue.
var SLOMetrics = sloMetrics
