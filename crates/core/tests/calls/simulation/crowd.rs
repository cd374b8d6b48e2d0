//! Many calls at the same time.

use super::World;
use credwell_core::calls::credentials::Credentials;
use credwell_core::error::Error;
use credwell_core::secret::ExposeSecret;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// Runs `count` calls at the same time and returns their results with the time that each took.
pub(crate) async fn crowd<T: 'static, F: Future<Output = T> + 'static>(
    world: &Rc<World>,
    count: usize,
    call: impl Fn(usize) -> F,
) -> Vec<(T, Duration)> {
    queue(world, count, Duration::ZERO, call).await
}

/// Like [`crowd`], but each call begins this time after the one before it.
pub(crate) async fn queue<T: 'static, F: Future<Output = T> + 'static>(
    world: &Rc<World>,
    count: usize,
    gap: Duration,
    call: impl Fn(usize) -> F,
) -> Vec<(T, Duration)> {
    let tasks = tokio::task::LocalSet::new();
    let handles: Vec<_> = (0..count)
        .map(|n| {
            let (call, world) = (call(n), Rc::clone(world));
            tasks.spawn_local(async move {
                sleep(gap * u32::try_from(n).expect("a small number")).await;
                let began_at = world.elapsed();
                let result = call.await;
                (result, world.elapsed() - began_at)
            })
        })
        .collect();
    tasks.await;
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await.expect("no call panics"));
    }
    results
}

/// Runs `call`, but not during this time: as if its host were frozen.
pub(crate) async fn frozen_during<T>(
    world: &World,
    frozen: std::ops::Range<Duration>,
    call: impl Future<Output = T>,
) -> T {
    let mut call = std::pin::pin!(call);
    let mut thaw = std::pin::pin!(sleep(frozen.end.saturating_sub(world.elapsed())));
    std::future::poll_fn(|context| {
        let is_frozen = thaw.as_mut().poll(context).is_pending() && frozen.contains(&world.elapsed());
        if is_frozen { std::task::Poll::Pending } else { call.as_mut().poll(context) }
    })
    .await
}

/// The access token of a result.
pub(crate) fn token(result: &Result<Credentials, Error>) -> String {
    match result.as_ref().map(Credentials::account) {
        Ok(Ok(account)) => {
            account.access_token.map_or(String::new(), |token| token.expose_secret().to_owned())
        }
        Ok(Err(error)) => panic!("{error}"),
        Err(error) => panic!("{error}"),
    }
}
