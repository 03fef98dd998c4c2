//! Every transport keeps the contract of `Transport`.

use synckit::testing::transport::{Rig, queue};
use synckit::testing::transport_contract;
use synckit::transport::grpc::{ServerLimits, hardened, service};
use synckit::transport::{Acceptor, channel};
use tokio::net::TcpStream;

use super::server::{Server, nobody, transport};

mod in_one_process {
    use super::*;

    async fn make() -> Rig {
        let (transport, mut listener) = channel();
        let (acceptor, accepted) = queue();
        tokio::spawn(async move {
            while let Some(connection) = listener.accept().await {
                acceptor.accept(connection).unwrap();
            }
        });
        Rig::new(transport, accepted, channel().0)
    }
    transport_contract!(make);
}

mod by_grpc {
    use super::*;

    async fn make() -> Rig {
        let Server { address, accepted } = Server::start().await;
        Rig::new(transport(address), accepted, transport(nobody().await))
    }
    transport_contract!(make);
}

mod in_a_server_of_ones_own {
    use super::*;

    async fn make() -> Rig {
        let address = nobody().await;
        let (acceptor, accepted) = queue();
        tokio::spawn(hardened(&ServerLimits::default()).serve(address, service(acceptor)));
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        Rig::new(transport(address), accepted, transport(nobody().await))
    }
    transport_contract!(make);
}
