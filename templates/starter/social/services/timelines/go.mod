module services/timelines

go 1.21
