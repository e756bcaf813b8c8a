Several credentials form a pool with failover, capped cool-downs that survive restarts, affinity and model fallbacks; ``cliproxy explain`` and ``cliproxy cooldowns`` say what it would do and why.
