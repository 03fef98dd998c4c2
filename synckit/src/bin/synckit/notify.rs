//! Word to systemd (sd_notify(3)): a datagram to the socket that the environment names.

/// Says that the hub serves.
pub(crate) const READY: &str = "READY=1\nSTATUS=serving";
/// Says that it ends.
pub(crate) const STOPPING: &str = "STOPPING=1\nSTATUS=ending sessions";

/// Tells the service manager, if there is one that wants to know.
#[cfg(unix)]
pub(crate) fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(not(unix))]
pub(crate) fn tell(_state: &str) {}

#[cfg(unix)]
fn send(socket: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match abstract_name(socket) {
        Some(address) => address?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

/// A name that begins with `@` is in the abstract namespace.
#[cfg(target_os = "linux")]
fn abstract_name(
    socket: &std::ffi::OsStr,
) -> Option<std::io::Result<std::os::unix::net::SocketAddr>> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;

    let name = socket.as_bytes().strip_prefix(b"@")?;
    Some(std::os::unix::net::SocketAddr::from_abstract_name(name))
}

#[cfg(all(unix, not(target_os = "linux")))]
const fn abstract_name(
    _socket: &std::ffi::OsStr,
) -> Option<std::io::Result<std::os::unix::net::SocketAddr>> {
    None
}
